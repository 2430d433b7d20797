import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shelfnet.data.shards.schema import ShardError
from shelfnet.data.surfaces import SCHEMA, SurfaceSamples, load_surfaces, measure_surface, write_surfaces
from shelfnet.geometry.meshes import Mesh

TETRAHEDRON = Mesh(
    np.array([[0.0, 0, 0], [4, 0, 0], [0, 2, 0], [0, 0, 1]]), np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
)


def surface(split="train", value=0.0):
    grid = np.zeros((32, 32, 32), dtype=bool)
    grid[3, 5, 7] = True
    points, normals = np.full((4, 3), value, np.float32), np.eye(4, 3, dtype=np.float32)
    return SurfaceSamples(points, normals, grid, split, TETRAHEDRON)


def test_points_and_normals_of_box():
    measured = measure_surface(TETRAHEDRON, "a", "test", 500, seed=0)
    assert measured.points.shape == measured.normals.shape == (500, 3)
    assert measured.points.dtype == np.float32
    assert np.abs(measured.points).max() <= 0.5 + 1e-6
    corner = np.array([-0.5, -0.25, -0.125])
    x, y, z = (measured.points - corner).T
    distances = np.stack([z, y, x, np.abs(1 - x - 2 * y - 4 * z)])
    assert distances.min(axis=0).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(measured.normals, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(measured.normals[z == z.min()][0], [0, 0, -1], atol=1e-6)


def test_mesh_is_normalised_and_has_no_unused_vertices():
    vertices = np.concatenate([np.full((1, 3), 9.0), TETRAHEDRON.vertices])
    mesh = measure_surface(Mesh(vertices, TETRAHEDRON.faces + 1), "a", "test", 500, seed=0).mesh
    np.testing.assert_allclose(mesh.vertices, TETRAHEDRON.vertices / 4.0 - [0.5, 0.25, 0.125])
    np.testing.assert_array_equal(mesh.faces, TETRAHEDRON.faces)
    np.testing.assert_array_equal(mesh.vertices, mesh.vertices.astype(np.float32))


@pytest.mark.parametrize("faces", [[0, 1, 4], [-1, 1, 2], [], [0, 1]], ids=["beyond", "negative", "none", "no triple"])
def test_faces_without_their_vertices_are_refused(tmp_path, faces):
    path = tmp_path / "0.parquet"
    write_surfaces(path, [("a", surface())])
    table = pq.read_table(path)
    column = pa.chunked_array([[faces]], SCHEMA.field("faces").type)
    pq.write_table(table.set_column(SCHEMA.get_field_index("faces"), "faces", column), path)
    with pytest.raises(ShardError, match=r"0\.parquet: model 'a'"):
        load_surfaces([path])["a"]


def test_points_depend_on_model_and_seed():
    first, again = (measure_surface(TETRAHEDRON, "a", "test", 50, seed=0).points for _ in range(2))
    np.testing.assert_array_equal(first, again)
    for model_id, seed in (("b", 0), ("a", 1)):
        assert not np.array_equal(first, measure_surface(TETRAHEDRON, model_id, "test", 50, seed).points)


def test_round_trip(tmp_path):
    paths = [tmp_path / "0.parquet", tmp_path / "folder" / "1.parquet", tmp_path / "2.parquet"]
    write_surfaces(paths[0], [("b", surface("test", 1.0)), ("a", surface("train", 2.0))])
    write_surfaces(paths[1], [("c", surface("train", 3.0))])
    write_surfaces(paths[2], [("d", None)])
    surfaces = load_surfaces(paths)
    assert len(surfaces) == 3
    assert "d" not in surfaces
    assert surfaces.refused == {"d"}
    assert list(surfaces) == ["a", "b", "c"]
    assert "a" in surfaces
    assert "z" not in surfaces
    assert surfaces.in_split("train") == ("a", "c")
    assert surfaces["a"].points[0, 0] == 2.0
    assert surfaces["c"].split == "train"
    np.testing.assert_array_equal(surfaces["b"].occupancy, surface().occupancy)
    np.testing.assert_array_equal(surfaces["b"].normals, surface().normals)
    np.testing.assert_array_equal(surfaces["b"].mesh.vertices, TETRAHEDRON.vertices)
    np.testing.assert_array_equal(surfaces["b"].mesh.faces, TETRAHEDRON.faces)
    with pytest.raises(KeyError):
        surfaces["z"]
    assert pq.read_schema(paths[0]).equals(SCHEMA)


def test_reads_one_model_at_a_time(tmp_path, monkeypatch):
    write_surfaces(tmp_path / "0.parquet", ((name, surface()) for name in "abc"))
    read = []
    original = pq.ParquetFile.iter_batches

    def spy(self, *, row_groups, columns):
        read.append((row_groups, columns))
        return original(self, row_groups=row_groups, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    surfaces = load_surfaces([tmp_path / "0.parquet"])
    assert all(columns == ["model_id", "split"] for _, columns in read)
    read.clear()
    surfaces["b"]
    assert read == [([1], SCHEMA.names)]


def test_failure_publishes_nothing(tmp_path):
    def failing():
        yield "a", surface()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_surfaces(tmp_path / "0.parquet", failing())
    assert list(tmp_path.iterdir()) == []


def test_damaged_shard_refused(tmp_path):
    path = tmp_path / "0.parquet"
    write_surfaces(path, [("a", surface())])
    with pytest.raises(ShardError, match=r"model 'a' is also in .*0\.parquet"):
        load_surfaces([path, path])
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["normals"]), tmp_path / "narrow.parquet")
    with pytest.raises(ShardError, match=r"narrow\.parquet: .*normals"):
        load_surfaces([tmp_path / "narrow.parquet"])
    write_surfaces(tmp_path / "1.parquet", [("b", surface()), ("c", surface())])
    pq.write_table(pq.read_table(tmp_path / "1.parquet"), tmp_path / "grouped.parquet")
    with pytest.raises(ShardError, match="row group 0: damaged: expected one model, got 2"):
        load_surfaces([tmp_path / "grouped.parquet"])
    short = table.set_column(4, "occupancy", [[b"123"]])
    pq.write_table(short, tmp_path / "short.parquet")
    with pytest.raises(ShardError, match=r"short\.parquet: model 'a': .*4096 bytes"):
        load_surfaces([tmp_path / "short.parquet"])["a"]
    pq.write_table(table.replace_schema_metadata({"refused": "[1"}), tmp_path / "list.parquet")
    with pytest.raises(ShardError, match=r"list\.parquet: .*\[1"):
        load_surfaces([tmp_path / "list.parquet"])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ShardError, match=r"0\.parquet"):
        load_surfaces([path])
