"""Tags by name."""

from collections.abc import Callable

import pytest

from shelfnet.procedural.tags import ARCHETYPES, Tags


@pytest.fixture(scope="session")
def tagged() -> Callable[..., Tags]:
    def make(archetype_name: str, style: str, material: str, theme: str | None = None) -> Tags:
        archetype = next(archetype for archetype in ARCHETYPES if archetype.name == archetype_name)
        return Tags(archetype, archetype.categories[0], style, material, theme)

    return make
