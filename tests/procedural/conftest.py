"""Fixture: tags of an archetype by name."""

from collections.abc import Callable

import pytest

from shelfnet.procedural.tags import ARCHETYPES, FurnitureTags


@pytest.fixture(scope="session")
def tagged() -> Callable[..., FurnitureTags]:
    def make(archetype_name: str, style: str, material: str, theme: str | None = None) -> FurnitureTags:
        archetype = next(archetype for archetype in ARCHETYPES if archetype.name == archetype_name)
        return FurnitureTags(archetype, archetype.categories[0], style, material, theme)

    return make
