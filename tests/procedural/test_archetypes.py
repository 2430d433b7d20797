"""Every archetype: closed parts, plausible sizes, symmetry, a back at negative z."""

from collections import Counter

import numpy as np
import pytest

from shelfnet.procedural.generate import Furniture, build_piece
from shelfnet.procedural.parts import FurniturePart
from shelfnet.procedural.tags import ARCHETYPES, FurnitureTags, design_for, materials_for, sample_tags

BACKLESS = {"stool", "drum_stool", "bench"}
SOMETIMES_BACKLESS = {"bar_stool", "pedestal_bar_stool"}
NAMES = [archetype.name for archetype in ARCHETYPES]


def tags_of(name: str, index: int) -> FurnitureTags:
    archetype = ARCHETYPES[NAMES.index(name)]
    style = archetype.styles[index % len(archetype.styles)]
    materials = materials_for(archetype, style)
    return FurnitureTags(archetype, archetype.categories[0], style, materials[index % len(materials)], None)


def parts_of(name: str, index: int) -> list[FurniturePart]:
    tags = tags_of(name, index)
    return tags.archetype.build(design_for(tags, np.random.default_rng(index)))


@pytest.fixture(scope="module")
def one_of_each() -> list[Furniture]:
    return [build_piece(tags_of(name, index), 7, index, 32) for name in NAMES for index in (0, 1)]


def is_watertight(faces: np.ndarray) -> bool:
    directed = Counter(map(tuple, np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()))
    return max(directed.values()) == 1 and all((b, a) in directed for a, b in directed)


@pytest.mark.parametrize("name", NAMES)
def test_archetype_parts_are_watertight_and_face_outward(name: str) -> None:
    for index in range(3):
        for part in parts_of(name, index):
            assert is_watertight(part.faces)
            assert part.signed_volume() > 0.0


@pytest.mark.parametrize("name", NAMES)
def test_sizes_and_triangle_counts_are_plausible(name: str) -> None:
    for index in range(6):
        parts = parts_of(name, index)
        points = np.concatenate([part.vertices for part in parts])
        width, height, depth = np.ptp(points, axis=0)
        assert 0.28 < width < 1.7 and 0.38 < height < 1.35 and 0.28 < depth < 1.1
        assert 300 <= sum(len(part.faces) for part in parts) <= 4600


def test_pieces_are_nearly_symmetric(one_of_each: list[Furniture]) -> None:
    for piece in one_of_each:
        bins = (np.linspace(-1.0, 1.0, 17),) * 2
        left, right = (
            np.histogram2d(*(points[points[:, 0] * side > 1e-3][:, 1:].T), bins=bins)[0]
            for points in [piece.mesh.normalised_vertices()]
            for side in (-1.0, 1.0)
        )
        tolerance = 0.35 if piece.tags.archetype.name == "office_chair" else 0.12
        assert np.abs(left - right).sum() / (left + right).sum() < tolerance, piece.tags.archetype.name


def test_backs_are_at_negative_z(one_of_each: list[Furniture]) -> None:
    for piece in one_of_each:
        name = piece.tags.archetype.name
        if name in BACKLESS | SOMETIMES_BACKLESS:
            continue
        points = piece.mesh.normalised_vertices()
        high = points[points[:, 1] > np.quantile(points[:, 1], 0.99) - 0.05]
        assert high[:, 2].mean() < -0.12, name


def test_a_hundred_models_show_most_archetypes() -> None:
    drawn = {sample_tags(np.random.default_rng([0, index])).archetype.name for index in range(100)}
    assert len(drawn) >= 15
    assert len(NAMES) == len(set(NAMES)) >= 10


def seat_height(tags: FurnitureTags, index: int) -> float:
    """Height of the highest broad and flat part near the middle."""
    heights = []
    for part in tags.archetype.build(design_for(tags, np.random.default_rng(index))):
        centre, extent = 0.5 * (part.vertices.min(axis=0) + part.vertices.max(axis=0)), np.ptp(part.vertices, axis=0)
        if min(extent[0], extent[2]) > 0.25 and abs(centre[0]) < 0.01 and extent[1] < 0.2:
            heights.append(part.vertices[:, 1].max())
    return max(heights)


def test_seat_heights_follow_archetype_and_style(tagged) -> None:
    def mean_height(name: str, style: str) -> float:
        return float(np.mean([seat_height(tagged(name, style, "Cloth"), index) for index in range(5)]))

    bar, dining = mean_height("bar_stool", "Modern"), mean_height("dining_chair", "Modern")
    assert bar > dining + 0.15
    assert dining > mean_height("dining_chair", "Kids") + 0.05
    assert dining > mean_height("vanity_chair", "Modern") - 0.05


def test_style_sets_bar_thickness(tagged) -> None:
    def radii(style: str) -> list[float]:
        tags = tagged("dining_chair", style, "Cloth")
        return [design_for(tags, np.random.default_rng(index)).bar_radius_m for index in range(8)]

    assert max(radii("Industrial")) < min(radii("European Classic"))


def test_soft_case_quilts_the_upholstery(tagged) -> None:
    def built(theme: str | None) -> list[FurniturePart]:
        tags = tagged("club_armchair", "Modern", "Leather", theme)
        return tags.archetype.build(design_for(tags, np.random.default_rng(4)))

    assert sum(len(part.faces) for part in built("Soft Case")) > sum(len(part.faces) for part in built(None))


def test_wrought_iron_fills_the_back_with_scrolls(tagged) -> None:
    """The scrolls are the only tubes that wind: their length far exceeds their extent."""

    def winding(theme: str | None) -> float:
        tags = tagged("dining_chair", "Modern", "Metal", theme)
        parts = tags.archetype.build(design_for(tags, np.random.default_rng(2)))
        return max(np.ptp(p.uvs_m[..., 0]) / np.linalg.norm(np.ptp(p.vertices, axis=0)) for p in parts)

    assert winding("Wrought Iron") > 1.3 > winding(None)
