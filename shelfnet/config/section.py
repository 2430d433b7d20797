"""What every part of the tree of settings is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
PowerOfTwo = Literal[4, 8, 16, 32, 64, 128, 256]


class Section(BaseModel):
    """A frozen part of the tree in which a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
