"""Images of predicted meshes on a CPU, without OpenGL: diffuse shading under the lights of all engines."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from shelfnet.data.lighting import SKY_RADIANCE, SUNS
from shelfnet.geometry.cameras import camera_from_degrees, look_at_origin
from shelfnet.geometry.colours import linear_from_srgb, srgb_from_linear
from shelfnet.reconstruction.coloured_mesh import ColouredMesh, sample_texture
from shelfnet.renderer.mesh_batch import pack_meshes
from shelfnet.renderer.rasterizer import rasterize

SUPERSAMPLING = 2
"""Samples per pixel side."""


class MeshRenderer:
    """Renders one mesh from any number of views.

    Args:
        mesh: Mesh with vertex colours or a texture.
        fov_deg: Field of view in degrees.
        distance: Distance from camera to origin in object units.
        size_px: Side of the square images in pixels.
    """

    def __init__(self, mesh: ColouredMesh, fov_deg: float, distance: float, size_px: int) -> None:
        self.mesh = mesh
        self.batch = pack_meshes([mesh.mesh])
        self.normals = mesh.mesh.vertex_normals()
        self.colours = linear_from_srgb(np.clip(mesh.colours, 0.0, 1.0))
        self.texture = None if mesh.texture is None else linear_from_srgb(mesh.texture.pixels / 255.0)
        self.fov = math.radians(fov_deg)
        self.distance = distance
        self.size_px = size_px

    @torch.no_grad()
    def __call__(self, azimuth_deg: float, elevation_deg: float) -> UInt8[np.ndarray, "s s 4"]:
        """Image in sRGB with straight alpha, from a camera that looks at the origin."""
        azimuth, elevation = torch.tensor([[azimuth_deg], [elevation_deg]]).deg2rad()
        cam2world = look_at_origin(azimuth, elevation, self.distance)
        side = self.size_px * SUPERSAMPLING
        fragments = rasterize(self.batch, cam2world, self.fov, side, faces_per_pixel=1, blur_radius=0.0)
        faces = fragments.pix_to_face[0, :, :, 0].numpy()
        covered = faces >= 0
        weights = fragments.bary_coords[0, :, :, 0].numpy()[covered].astype(np.float64)
        albedo = self._albedo(faces[covered], weights)
        normals = np.einsum("pk,pkc->pc", weights, self.normals[self.mesh.faces[faces[covered]]])
        premultiplied = np.zeros((side, side, 4))
        premultiplied[covered, :3] = np.minimum(albedo * _radiance(normals, -cam2world[0, :3, 2].numpy())[:, None], 1.0)
        premultiplied[covered, 3] = 1.0
        return _resolve(premultiplied)

    def _albedo(self, faces: Int[np.ndarray, "p"], weights: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "p 3"]:
        """Linear colours of surface points."""
        if self.mesh.texture is None or self.texture is None:
            return np.einsum("pk,pkc->pc", weights, self.colours[self.mesh.faces[faces]])
        atlas = self.mesh.texture.atlas
        return sample_texture(self.texture, np.einsum("pk,pkc->pc", weights, atlas.uv_up[atlas.faces[faces]]))


def _radiance(normals: Float[np.ndarray, "p 3"], to_camera: Float[np.ndarray, "3"]) -> Float[np.ndarray, "p"]:
    """Radiance of a white diffuse surface, seen from either side, without shadows."""
    unit = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    unit = np.where((unit @ to_camera)[:, None] < 0.0, -unit, unit)
    radiance = np.full(len(unit), SKY_RADIANCE)
    for sun in SUNS:
        to_sun = camera_from_degrees(sun.azimuth_deg, sun.elevation_deg, 1.0)[:3, 3]
        radiance += sun.irradiance / math.pi * np.maximum(unit @ to_sun, 0.0)
    return radiance


def _resolve(premultiplied: Float[np.ndarray, "S S 4"]) -> UInt8[np.ndarray, "s s 4"]:
    """Box-filter the samples of each pixel in linear light."""
    side = len(premultiplied) // SUPERSAMPLING
    mean = premultiplied.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING, 4).mean(axis=(1, 3))
    colour = srgb_from_linear(mean[..., :3] / np.maximum(mean[..., 3:], 1e-6))
    return np.rint(np.concatenate([colour, mean[..., 3:]], axis=-1) * 255.0).clip(0, 255).astype(np.uint8)
