import numpy as np
import pytest
import trimesh
from box_models import cameras
from PIL import Image

from shelfnet.config.render import RenderSettings
from shelfnet.data.importers.convert import Orientation, convert_model
from shelfnet.data.obj.materials import read_materials
from shelfnet.data.obj.reader import ModelError, load_obj, load_obj_model
from shelfnet.steps.render_engines import ENGINES, open_engine


@pytest.fixture
def convert(tmp_path):
    """Converts a file; returns the mesh and the materials as all stages read them."""

    def run(source, **orientation):
        folder = tmp_path / "converted" / source.name
        folder.mkdir(parents=True)
        convert_model(source, folder, Orientation(**orientation), 1000)
        obj = folder / "raw_model.obj"
        model = load_obj_model(obj, 1000)
        return load_obj(obj, 1000), read_materials(folder, model.materials, model.libraries), obj

    return run


def extent(mesh):
    return np.array([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_models_are_placed_on_the_floor_in_metres(tmp_path, convert, suffix):
    box = trimesh.creation.box((2.0, 1.0, 0.5))
    box.apply_translation((7.0, -3.0, 2.0))
    box.export(tmp_path / f"x{suffix}")
    mesh, _, _ = convert(tmp_path / f"x{suffix}")
    np.testing.assert_allclose(extent(mesh), [[-1.0, 0.0, -0.25], [1.0, 1.0, 0.25]], atol=1e-6)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume == pytest.approx(1.0)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb"])
def test_up_axis_and_unit_apply_to_all_formats_but_glb(tmp_path, convert, suffix):
    box = trimesh.creation.box((200.0, 50.0, 100.0))
    box.vertices[box.vertices[:, 1] < 0, 0] *= 0.5  # what is narrow is the front of a +Z up file
    box.export(tmp_path / f"x{suffix}")
    mesh, _, _ = convert(tmp_path / f"x{suffix}", up_axis="z", unit_m=0.01)
    if suffix == ".glb":
        np.testing.assert_allclose(extent(mesh), [[-100, 0, -50], [100, 50, 50]], atol=1e-4)
        return
    np.testing.assert_allclose(extent(mesh), [[-1.0, 0.0, -0.25], [1.0, 1.0, 0.25]], atol=1e-6)
    front = mesh.vertices[mesh.vertices[:, 2] > 0]
    np.testing.assert_allclose(np.abs(front[:, 0]), 0.5, atol=1e-6)


def test_obj_materials_must_lie_in_its_folder(tmp_path, convert):
    folder = tmp_path / "in"
    (folder / "maps").mkdir(parents=True)
    Image.new("RGB", (2, 2), (10, 20, 30)).save(folder / "maps" / "wood.png")
    Image.new("RGB", (2, 2), (99, 99, 99)).save(tmp_path / "secret.png")
    (folder / "x.mtl").write_text(
        "newmtl wood\nmap_Kd maps/wood.png\nnewmtl red\nKd 1 0 0\nnewmtl out\nKd 0 1 0\nmap_Kd ../secret.png\n"
    )
    quads = "f 1 2 3 4\nusemtl red\nf 1 2 5\nusemtl out\nf 2 3 5\n"
    vertices = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\n"
    (folder / "x.obj").write_text(f"mtllib x.mtl\n{vertices}usemtl wood\n{quads}")
    mesh, materials, obj = convert(folder / "x.obj")
    assert len(mesh.faces) == 4
    assert materials.numbered[0].texture[0, 0].tolist() == [10, 20, 30]
    assert (materials.numbered[1].colour, materials.numbered[1].texture) == ((1.0, 0.0, 0.0), None)
    assert (materials.numbered[2].colour, materials.numbered[2].texture) == ((0.0, 1.0, 0.0), None)
    assert sorted(path.name for path in obj.parent.iterdir()) == ["model.mtl", "raw_model.obj", "texture_0.png"]


def test_texture_beside_an_obj_without_materials_is_kept(tmp_path, convert):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (2, 2), (10, 20, 30)).save(folder / "texture.png")
    (folder / "x.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    _, materials, obj = convert(folder / "x.obj")
    assert materials.unnamed.texture[0, 0].tolist() == [10, 20, 30]
    assert (obj.parent / "texture.png").is_file()


LEFT, RIGHT = (230, 40, 40), (40, 40, 230)


def two_coloured(folder, suffix):
    """A cube that is red left of its middle and blue right of it, by vertex colours, face colours or a texture."""
    left, right = (trimesh.creation.box((0.5, 1, 1)) for _ in range(2))
    left.apply_translation((-0.25, 0, 0))
    right.apply_translation((0.25, 0, 0))
    if suffix == ".glb":  # vertex colours of GLB are linear
        colours = [np.array([((c / 255 + 0.055) / 1.055) ** 2.4 * 255 for c in colour]) for colour in (LEFT, RIGHT)]
    else:
        colours = [LEFT, RIGHT]
    for half, colour in zip((left, right), colours, strict=True):
        half.visual.vertex_colors = np.array([[*np.round(colour), 255]] * 8, np.uint8)
    cube = trimesh.util.concatenate([left, right])
    if suffix == "-texture.glb":
        Image.new("RGB", (8, 8), LEFT).save(folder / "t.png")
        image = Image.open(folder / "t.png")
        image.paste(RIGHT, (4, 0, 8, 8))
        uv = np.column_stack([np.where(cube.vertices[:, 0] < 0, 0.25, 0.75), np.full(16, 0.5)])
        uv[:8, 0], uv[8:, 0] = 0.25, 0.75
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image)
        cube.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    path = folder / f"cube{suffix}"
    cube.export(path)
    return path


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_engines_render_the_colours_of_every_format(tmp_path, convert, engine):
    with open_engine(RenderSettings(engine=engine, resolution_px=32, samples=8), threads=1) as opened:
        for suffix in (".glb", "-texture.glb", ".ply", ".obj"):
            _, _, obj = convert(two_coloured(tmp_path, suffix))
            (image,) = opened.render(obj, cameras((0, 0)))
            row = image[16].astype(float)
            assert (row[[12, 20], 3] == 255).all(), suffix
            for column, colour in ((12, LEFT), (20, RIGHT)):
                shown = row[column, :3] / row[column, :3].max()
                np.testing.assert_allclose(shown, np.array(colour) / max(colour), atol=0.12, err_msg=suffix)


def test_unusable_files_are_refused(tmp_path, convert):
    flat = trimesh.Trimesh([[0, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 1, 2]], process=False)
    flat.export(tmp_path / "x.ply")
    with pytest.raises(ModelError, match="longest side"):
        convert(tmp_path / "x.ply")
    nan = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]], process=False)
    nan.export(tmp_path / "y.ply")
    with pytest.raises(ModelError, match="finite"):
        convert(tmp_path / "y.ply")
    (tmp_path / "z.fbx").write_bytes(b"")
    with pytest.raises(ModelError, match=r"^z\.fbx: .*\.fbx"):
        convert(tmp_path / "z.fbx")


def test_model_of_links_into_a_store_keeps_its_texture(tmp_path, convert):
    """As in the cache of a hub, whose files have no suffixes."""
    store, model = tmp_path / "blobs", tmp_path / "snapshot"
    store.mkdir()
    model.mkdir()
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
    (store / "0").write_text(f"mtllib x.mtl\n{corners}usemtl wood\nf 1/1 2/2 3/3\n")
    (store / "1").write_text("newmtl wood\nmap_Kd wood.png\n")
    Image.new("RGB", (4, 4), (200, 40, 20)).save(store / "2", "PNG")
    for blob, name in enumerate(("x.obj", "x.mtl", "wood.png")):
        (model / name).symlink_to(f"../blobs/{blob}")
    _, materials, _ = convert(model / "x.obj")
    (material,) = materials.numbered
    assert material.texture is not None
    assert tuple(material.texture[0, 0, :3]) == (200, 40, 20)
