"""Images of meshes on a CPU."""

import numpy as np
import pytest
import torch
import trimesh

from shelfnet.data.lighting import SKY_RADIANCE, SUNS
from shelfnet.geometry.cameras import look_at_origin, project
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.geometry.meshes import Mesh
from shelfnet.prediction.rendering import MeshRenderer
from shelfnet.reconstruction.coloured_mesh import ColouredMesh
from shelfnet.reconstruction.uv_atlas import TextureMap, unwrap
from shelfnet.renderer.texels import rasterize_uv

BALL = trimesh.creation.icosphere(4, 0.4)
MESH = Mesh(np.asarray(BALL.vertices), np.asarray(BALL.faces, dtype=np.int64))
GREY = ColouredMesh(MESH, np.full((len(MESH.vertices), 3), 0.5))


def test_silhouette_is_that_of_the_camera():
    """A ball off the origin appears where the camera projects its centre."""
    moved = Mesh(MESH.vertices * 0.25 + [0.2, 0.15, 0.0], MESH.faces)
    image = MeshRenderer(ColouredMesh(moved, GREY.colours), 35.0, 2.6, 64)(30.0, 10.0)
    rows, columns = np.nonzero(image[..., 3] > 127)
    camera = look_at_origin(torch.tensor([30.0]).deg2rad(), torch.tensor([10.0]).deg2rad(), 2.6)
    expected, _ = project(torch.tensor([[[0.2, 0.15, 0.0]]]), camera, np.deg2rad(35.0), 64)
    np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], expected[0, 0].numpy(), atol=0.5)
    assert (image[..., 3] == 0).any() and ((image[..., 3] > 0) & (image[..., 3] < 255)).any()


def test_shading_is_that_of_sky_and_suns():
    """The middle of a ball that is seen along the direction of a sun faces it."""
    sun = SUNS[0]
    middle = MeshRenderer(GREY, 35.0, 2.6, 65)(sun.azimuth_deg, sun.elevation_deg)[32, 32, 0]
    directions = []
    for other in SUNS:
        azimuth, elevation = np.deg2rad([other.azimuth_deg, other.elevation_deg])
        directions.append([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    cosines = np.maximum(np.array(directions) @ np.array(directions[0]), 0.0)
    radiance = SKY_RADIANCE + sum(
        other.irradiance / np.pi * cosine for other, cosine in zip(SUNS, cosines, strict=True)
    )
    assert linear_from_srgb(np.array([middle / 255.0]))[0] == pytest.approx(
        float(linear_from_srgb(np.array([0.5]))[0] * radiance), rel=0.03
    )


def test_texture_replaces_vertex_colours():
    atlas = unwrap(MESH, 128)
    textured = ColouredMesh(MESH, GREY.colours, TextureMap(atlas, np.full((128, 128, 3), (200, 20, 20), np.uint8)))
    red, green, _, alpha = MeshRenderer(textured, 35.0, 2.6, 33)(0.0, 0.0)[16, 16].astype(int)
    assert alpha == 255 and red > 5 * green


def test_texture_lies_where_its_atlas_says():
    """Texels coloured by position look like vertices coloured by position."""
    atlas = unwrap(MESH, 256)
    by_position = np.clip(MESH.vertices + 0.5, 0.0, 1.0)
    texels = rasterize_uv(torch.from_numpy(atlas.uv).float(), torch.from_numpy(atlas.faces), 256)
    pixels = np.zeros((256 * 256, 3), np.uint8)
    colours = texels.interpolate(torch.from_numpy(MESH.faces), torch.from_numpy(by_position)).numpy()
    pixels[texels.texel.numpy()] = np.rint(255.0 * colours)
    textured = ColouredMesh(MESH, GREY.colours, TextureMap(atlas, pixels.reshape(256, 256, 3)))
    meshes = (textured, ColouredMesh(MESH, by_position))
    with_texture, plain = (MeshRenderer(mesh, 35.0, 2.6, 32)(40.0, 15.0)[10:22, 10:22, :3] for mesh in meshes)
    assert np.median(np.abs(with_texture.astype(float) - plain)) < 4.0
    assert np.ptp(plain.astype(float), axis=(0, 1)).min() > 30.0
