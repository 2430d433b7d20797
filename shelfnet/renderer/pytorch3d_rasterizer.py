"""Adapter of PyTorch3D's rasterizer, an optional dependency."""

from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from shelfnet.renderer.mesh_batch import MeshBatch
from shelfnet.renderer.rasterizer import Fragments, to_ndc


class RasterizerUnavailableError(RuntimeError):
    """The configured rasterizer is not installed."""


def rasterize_pytorch3d(
    meshes: MeshBatch,
    cam2world: Float[Tensor, "b 4 4"],
    fov: float,
    resolution_px: int,
    faces_per_pixel: int,
    blur_radius: float,
) -> Fragments:
    """Drop-in replacement for :func:`shelfnet.renderer.rasterizer.rasterize` with PyTorch3D's compiled kernels.

    Raises:
        RasterizerUnavailableError: PyTorch3D is not installed.
    """
    structures, renderer = _import_pytorch3d()
    # PyTorch3D's NDC axes point left and up; ours point right and down.
    screen = to_ndc(meshes, cam2world, fov) * cam2world.new_tensor([-1.0, -1.0, 1.0])
    first_vertex = meshes.vertex_counts().cumsum(0) - meshes.vertex_counts()
    local_faces = meshes.faces - first_vertex[meshes.face_mesh, None]
    batch = structures.Meshes(
        verts=list(screen.split(meshes.vertex_counts().tolist())),
        faces=list(local_faces.split(meshes.face_counts().tolist())),
    )
    pix_to_face, zbuf, bary_coords, dists = renderer.rasterize_meshes(
        batch,
        image_size=resolution_px,
        blur_radius=blur_radius,
        faces_per_pixel=faces_per_pixel,
        perspective_correct=True,
        clip_barycentric_coords=True,
    )
    return Fragments(pix_to_face, zbuf, bary_coords, dists)


def _import_pytorch3d() -> tuple[ModuleType, ModuleType]:
    try:
        from pytorch3d import structures
        from pytorch3d.renderer import mesh
    except ImportError as error:
        raise RasterizerUnavailableError(
            "refine.rasterizer: 'pytorch3d' needs PyTorch3D, which is not installed for torch "
            f"{torch.__version__}; build it from source or set refine.rasterizer: own, which has the same semantics"
        ) from error
    return structures, mesh
