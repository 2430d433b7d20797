"""Figures that need measurements of their own."""

from typing import Annotated, Literal

from pydantic import Field

from shelfnet.config.section import Section

Resolution = Literal[16, 32, 64, 128, 256, 512]


class FiguresSettings(Section):
    """Figures of the report."""

    memory_resolutions: Annotated[tuple[Resolution, ...], Field(min_length=2)] = (16, 32, 64, 128, 256)
