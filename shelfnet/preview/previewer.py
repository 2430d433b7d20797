"""Fast OpenGL images of meshes."""

from collections.abc import Sequence
from typing import ClassVar, TypeVar

import numpy as np
import trimesh
from jaxtyping import Float, Int, UInt8
from trimesh.visual import ColorVisuals

from shelfnet.data.lighting import ROUGHNESS, SKY_RADIANCE, SUNS, Sun
from shelfnet.data.obj.materials import NEUTRAL_GREY, Material
from shelfnet.geometry.cameras import BLENDER_FROM_OPENCV, camera_from_degrees
from shelfnet.geometry.colours import linear_from_srgb
from shelfnet.preview.models import Submesh
from shelfnet.preview.opengl import known_deprecations, pyrender

SUPERSAMPLING = 2
"""Samples per pixel side, in addition to OpenGL's fourfold multisampling."""
NEAR, FAR = 0.05, 100.0
Opened = TypeVar("Opened", bound="Previewer")


class Previewer:
    """Headless OpenGL context with the lights that Cycles uses.

    A process can have only one open at a time, because closing it ends the shared display connection.

    Args:
        resolution_px: Side of the square images in pixels.
        fov: Field of view in radians.
    """

    _any_open: ClassVar[bool] = False

    def __init__(self, resolution_px: int, fov: float) -> None:
        self.resolution_px = resolution_px
        self.fov = fov

    def __enter__(self: Opened) -> Opened:
        if Previewer._any_open:
            raise RuntimeError("expected no other open Previewer in this process; close it first")
        side = self.resolution_px * SUPERSAMPLING
        with known_deprecations():
            self._renderer = pyrender.OffscreenRenderer(side, side)
        Previewer._any_open = True
        return self

    def __exit__(self, *error: object) -> None:
        self._renderer.delete()
        Previewer._any_open = False

    def render_mesh(self, mesh: trimesh.Trimesh, cam2world: Float[np.ndarray, "4 4"]) -> UInt8[np.ndarray, "h w 4"]:
        """Image of a mesh from a camera with OpenCV axes in the object frame: sRGB with straight alpha."""
        primitives = [] if len(mesh.faces) == 0 else [predicted_primitive(mesh)]
        return self.render_primitives(primitives, cam2world[None])[0]

    def render_primitives(
        self,
        primitives: Sequence[pyrender.Primitive],
        cam2world: Float[np.ndarray, "v 4 4"],
        fovs: Sequence[float] | None = None,
    ) -> UInt8[np.ndarray, "v h w 4"]:
        """Images of primitives from several cameras, each with its field of view in radians if they differ."""
        scene = pyrender.Scene(bg_color=[0.0] * 4, ambient_light=[SKY_RADIANCE] * 3)
        for sun in SUNS:
            scene.add(pyrender.DirectionalLight(intensity=sun.irradiance), pose=_sun_pose(sun))
        if primitives:
            scene.add(pyrender.Mesh(list(primitives)))
        lens = pyrender.PerspectiveCamera(yfov=self.fov, aspectRatio=1.0, znear=NEAR, zfar=FAR)
        camera = scene.add(lens)
        images = np.empty((len(cam2world), self.resolution_px, self.resolution_px, 4), dtype=np.uint8)
        for view, (pose, fov) in enumerate(zip(cam2world, fovs or [self.fov] * len(cam2world), strict=True)):
            lens.yfov = fov
            images[view] = self._render_view(scene, camera, pose)
        return images

    def _render_view(
        self, scene: pyrender.Scene, camera: pyrender.Node, cam2world: Float[np.ndarray, "4 4"]
    ) -> UInt8[np.ndarray, "h w 4"]:
        scene.set_pose(camera, cam2world @ BLENDER_FROM_OPENCV)
        with known_deprecations():
            rgba, _ = self._renderer.render(scene, flags=pyrender.RenderFlags.RGBA)  # pyright: ignore[reportGeneralTypeIssues]
        return _downsample(rgba, SUPERSAMPLING)


def _sun_pose(sun: Sun) -> Float[np.ndarray, "4 4"]:
    """Pose of a light, which shines along its -z axis, as OpenGL cameras look along theirs."""
    return camera_from_degrees(sun.azimuth_deg, sun.elevation_deg, 1.0) @ BLENDER_FROM_OPENCV


def _downsample(rgba: UInt8[np.ndarray, "H W 4"], factor: int) -> UInt8[np.ndarray, "h w 4"]:
    """Box-filter premultiplied colours, then divide by the averaged alpha."""
    height, width = rgba.shape[0] // factor, rgba.shape[1] // factor
    mean = rgba.reshape(height, factor, width, factor, 4).mean(axis=(1, 3))
    colour = mean[..., :3] * 255.0 / np.maximum(mean[..., 3:], 1e-6)
    return np.rint(np.concatenate([colour, mean[..., 3:]], axis=-1)).clip(0, 255).astype(np.uint8)


def predicted_primitive(mesh: trimesh.Trimesh) -> pyrender.Primitive:
    """Primitive of a predicted mesh with smooth shading and its texture, its vertex colours or neutral grey."""
    visual = mesh.visual
    image = getattr(getattr(visual, "material", None), "baseColorTexture", None)
    if image is not None:
        return _textured_primitive(
            mesh.vertices,
            mesh.vertex_normals,
            mesh.faces,
            getattr(visual, "uv", None),
            Material((1.0, 1.0, 1.0), texture=np.asarray(image.convert("RGB"))),
        )
    vertex_colours = visual.vertex_colors if isinstance(visual, ColorVisuals) and visual.kind == "vertex" else None
    return pyrender.Primitive(
        positions=mesh.vertices.astype(np.float32),
        normals=mesh.vertex_normals.astype(np.float32),
        indices=mesh.faces.astype(np.uint32),
        color_0=None if vertex_colours is None else _linear_rgba(np.asarray(vertex_colours)),
        material=_metallic_roughness(Material(NEUTRAL_GREY if vertex_colours is None else (1.0, 1.0, 1.0))),
    )


def submesh_primitive(submesh: Submesh) -> pyrender.Primitive:
    """Primitive of a submesh, shaded with its normals."""
    mesh = submesh.mesh
    return _textured_primitive(mesh.vertices, submesh.normals, mesh.faces, submesh.uv, submesh.material)


def _textured_primitive(
    vertices: Float[np.ndarray, "v 3"],
    normals: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    uv: Float[np.ndarray, "v 2"] | None,
    material: Material,
) -> pyrender.Primitive:
    coordinates = np.zeros((len(vertices), 2)) if uv is None else uv
    return pyrender.Primitive(
        positions=vertices.astype(np.float32),
        normals=normals.astype(np.float32),
        indices=faces.astype(np.uint32),
        texcoord_0=np.nan_to_num(coordinates, posinf=0.0, neginf=0.0).astype(np.float32),
        material=_metallic_roughness(material),
    )


def _linear_rgba(colours: UInt8[np.ndarray, "v 4"]) -> Float[np.ndarray, "v 4"]:
    rgba = np.ones((len(colours), 4), dtype=np.float32)
    rgba[:, :3] = linear_from_srgb(colours[:, :3] / 255.0)
    return rgba


def _metallic_roughness(material: Material) -> pyrender.MetallicRoughnessMaterial:
    texture = None
    if material.texture is not None:
        # RGBA, since OpenGL aligns rows to four bytes.
        opaque = np.pad(material.texture, ((0, 0), (0, 0), (0, 1)), constant_values=255)
        texture = pyrender.Texture(source=opaque, source_channels="RGBA")
    colour = linear_from_srgb(np.array(material.colour)) if texture is None else np.ones(3)
    return pyrender.MetallicRoughnessMaterial(
        baseColorFactor=[*colour, 1.0],
        baseColorTexture=texture,
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
        alphaMode="OPAQUE",
        doubleSided=True,
    )
