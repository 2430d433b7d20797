"""Base class and common value types of the settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
Channels = Annotated[int, Field(ge=1, le=8192)]
PowerOfTwo = Literal[4, 8, 16, 32, 64, 128, 256]


class Section(BaseModel):
    """Base of all sections of the settings: frozen; unknown keys, infinite numbers and NaN are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
