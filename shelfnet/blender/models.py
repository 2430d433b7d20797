# pyright: reportAttributeAccessIssue=false
"""A model in the scene: imported once for all its views, normalised, given its materials, and removed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float, Int, UInt8

from shelfnet.blender.axes import BLENDER_FROM_OBJECT
from shelfnet.blender.runtime import bpy, mathutils, quiet_stdout
from shelfnet.data.lighting import ROUGHNESS, SPECULAR_LEVEL
from shelfnet.data.obj.appearance import load_shown_model
from shelfnet.data.obj.materials import Material, ModelMaterials
from shelfnet.data.obj.reader import ModelError
from shelfnet.data.obj.writer import material_name, write_obj_text
from shelfnet.geometry.meshes import Mesh, normalise

MODEL_DATA = ("objects", "meshes", "materials", "images", "curves", "collections")
"""Kinds of data blocks that an import creates."""


@contextmanager
def imported_model(scene: bpy.types.Scene, obj_path: Path) -> Iterator[bpy.types.Object]:
    """A model in the object frame, as one Blender object, until the ``with`` block ends.

    Only the OBJ, its material library and its textures are read, all inside the model's folder.

    Raises:
        ModelError: The file has no usable mesh.
    """
    with temporary_data():
        yield _load(scene, obj_path)


@contextmanager
def temporary_data() -> Iterator[None]:
    """Remove all data blocks of :data:`MODEL_DATA` that the ``with`` block creates when it ends."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in MODEL_DATA}
    try:
        yield
    finally:
        for kind, kept in before.items():
            bpy.data.batch_remove([block for block in getattr(bpy.data, kind) if block not in kept])


def used_vertices(model: bpy.types.Object) -> Float[np.ndarray, "v 3"]:
    """Vertices used by the faces of a model, in the object frame."""
    return _vertices(model.data)[np.unique(_triangles(model.data))]


def _load(scene: bpy.types.Scene, obj_path: Path) -> bpy.types.Object:
    shown = load_shown_model(obj_path)
    try:
        model = _import(scene, write_obj_text(shown.geometry))
        _normalise(model)
        _assign_materials(model, shown.materials)
    except Exception as error:  # Blender raises RuntimeError, ValueError, UnicodeError, ...
        raise ModelError(f"{obj_path.name}: Blender cannot import it: {error}") from error
    return model


def _import(scene: bpy.types.Scene, obj_text: bytes) -> bpy.types.Object:
    known = set(scene.objects)
    with TemporaryDirectory(prefix="shelfnet-obj-") as folder, quiet_stdout():
        copy = Path(folder) / "model.obj"
        copy.write_bytes(obj_text)
        bpy.ops.wm.obj_import(filepath=str(copy), forward_axis="NEGATIVE_Z", up_axis="Y", use_split_objects=False)
    meshes = [item for item in scene.objects if item not in known and item.type == "MESH"]
    if len(meshes) != 1:
        raise ModelError(f"expected one mesh, Blender found {len(meshes)}")
    return meshes[0]


def _normalise(model: bpy.types.Object) -> None:
    """Move the vertices into the object frame; the object's transform maps it to Blender's world."""
    mesh = model.data
    vertices = normalise(Mesh(_vertices(mesh), _triangles(mesh))).vertices
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.update()
    model.matrix_world = mathutils.Matrix(BLENDER_FROM_OBJECT)


def _vertices(mesh: bpy.types.Mesh) -> Float[np.ndarray, "v 3"]:
    coordinates = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", coordinates)
    return coordinates.reshape(-1, 3).astype(np.float64)


def _triangles(mesh: bpy.types.Mesh) -> Int[np.ndarray, "f 3"]:
    mesh.calc_loop_triangles()
    indices = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", indices)
    return indices.reshape(-1, 3).astype(np.int64)


def _assign_materials(model: bpy.types.Object, materials: ModelMaterials) -> None:
    mesh = model.data
    if not mesh.materials:
        mesh.materials.append(bpy.data.materials.new("unnamed"))
    by_name = {material_name(index): material for index, material in enumerate(materials.numbered)}
    images: dict[int, bpy.types.Image] = {}
    for slot, imported in enumerate(mesh.materials):
        assigned = imported or bpy.data.materials.new("unnamed")
        mesh.materials[slot] = assigned
        build_shader(assigned, by_name.get(assigned.name, materials.unnamed), images)


def build_shader(shader: bpy.types.Material, material: Material, images: dict[int, bpy.types.Image]) -> None:
    """An opaque Principled BSDF with a texture or, without one, a base colour."""
    shader.use_nodes = True
    tree = shader.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    principled = tree.nodes.new("ShaderNodeBsdfPrincipled")
    principled.inputs["Roughness"].default_value = ROUGHNESS
    principled.inputs["Specular IOR Level"].default_value = SPECULAR_LEVEL
    tree.links.new(principled.outputs["BSDF"], output.inputs["Surface"])
    if material.texture is None:
        linear = mathutils.Color(material.colour).from_srgb_to_scene_linear()
        principled.inputs["Base Color"].default_value = (*linear, 1.0)
        return
    node = tree.nodes.new("ShaderNodeTexImage")
    if id(material.texture) not in images:
        images[id(material.texture)] = _image(material.texture)
    node.image = images[id(material.texture)]
    tree.links.new(node.outputs["Color"], principled.inputs["Base Color"])


def _image(texture: UInt8[np.ndarray, "h w 3"]) -> bpy.types.Image:
    height, width, _ = texture.shape
    image = bpy.data.images.new("texture", width, height, alpha=False)
    pixels = np.ones((height, width, 4), dtype=np.float32)
    pixels[..., :3] = texture[::-1].astype(np.float32) / 255.0
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image
