"""Skins, instances, morph targets and hidden nodes of GLB files."""

import numpy as np
import pytest
import trimesh

from shelfnet.data.importers.glb import import_glb
from shelfnet.data.obj.reader import ModelError

BOX_CORNERS = 36
HALF = np.sqrt(0.5)


def bounds(parts):
    points = np.concatenate([part.vertices[part.faces].reshape(-1, 3) for part in parts])
    return np.array([points.min(axis=0), points.max(axis=0)])


def volume(part):
    return trimesh.Trimesh(part.vertices, part.faces, process=True).volume


@pytest.fixture
def read(tmp_path):
    return lambda glb: import_glb(glb.write(tmp_path / "x.glb"), 1000)


def skin(glb, joints, weights=None, inverse=None, joint_nodes=({},)):
    """Bind the mesh to joints: joint numbers and weights of all vertices (4 columns), and the joints' nodes."""
    nodes = [{"mesh": 0, "skin": 0, "translation": [100, 100, 100]}, *joint_nodes]
    glb.header["nodes"] = nodes
    glb.header["scenes"][0]["nodes"] = list(range(len(nodes)))
    glb.header["skins"] = [{"joints": list(range(1, len(nodes)))}]
    if inverse is not None:
        columns = np.asarray(inverse).transpose(0, 2, 1).reshape(-1, 16)
        glb.header["skins"][0]["inverseBindMatrices"] = matrices(glb, columns)
    weights = np.tile(np.array([1, 0, 0, 0], "f4"), (BOX_CORNERS, 1)) if weights is None else weights
    return glb.attribute("JOINTS_0", joints).attribute("WEIGHTS_0", weights)


def matrices(glb, rows):
    index = glb.accessor(rows[:, :4].astype("f4"))  # the builder has no matrices
    entry = glb.header["accessors"][index]
    entry |= {"bufferView": glb.view(rows.astype("f4").tobytes()), "type": "MAT4"}
    return index


def test_a_rigid_skin_moves_vertices_with_their_joint_and_not_with_the_node(glb, read):
    joints = np.zeros((BOX_CORNERS, 4), "u1")
    joints[BOX_CORNERS // 2 :, 0] = 1  # half of the faces
    glb.box((2, 2, 2))
    skin(glb, joints, joint_nodes=({"translation": [5, 0, 0]}, {"translation": [5, 0, 0], "scale": [3, 3, 3]}))
    (part,) = read(glb)
    extent = np.abs(part.vertices - [5, 0, 0]).max(axis=1)
    np.testing.assert_allclose(extent, np.repeat([1.0, 3.0], BOX_CORNERS // 2), atol=1e-6)


def test_bind_matrices_and_parents_of_joints_count(glb, read):
    inverse = np.eye(4)[None].copy()
    inverse[0, :3, 3] = [0, -7, 0]
    turned = {"rotation": [0, 0, HALF, HALF], "children": [2]}  # a quarter turn from +X to +Y
    skin(glb.box((2, 1, 1)), np.zeros((BOX_CORNERS, 4), "u1"), None, inverse, (turned, {"translation": [0, 7, 1]}))
    glb.header["skins"][0]["joints"] = [2]
    glb.header["scenes"][0]["nodes"] = [0, 1]
    np.testing.assert_allclose(bounds(read(glb)), [[-0.5, -1, 0.5], [0.5, 1, 1.5]], atol=1e-6)


def test_blended_weights_of_two_sets_in_bytes(glb, read):
    weights = np.tile(np.array([51, 0, 0, 0], "u1"), (BOX_CORNERS, 1))
    glb.box((2, 2, 2))
    skin(glb, np.zeros((BOX_CORNERS, 4), "u1"), joint_nodes=({}, {"translation": [0, 10, 0]}))
    attributes = glb.primitive["attributes"]
    attributes["WEIGHTS_0"] = glb.accessor(weights, normalized=True)
    glb.attribute("JOINTS_1", np.ones((BOX_CORNERS, 4), "u2"))
    glb.attribute("WEIGHTS_1", np.tile(np.array([153, 51, 0, 0], "u1"), (BOX_CORNERS, 1)), normalized=True)
    np.testing.assert_allclose(bounds(read(glb)), [[-1, 7, -1], [1, 9, 1]], atol=1e-6)


def test_vertices_without_weights_follow_their_first_joint(glb, read):
    skin(glb.box(), np.zeros((BOX_CORNERS, 4), "u1"), np.zeros((BOX_CORNERS, 4), "f4"), None, ({"scale": [2, 2, 2]},))
    np.testing.assert_allclose(bounds(read(glb))[1], [2, 1, 1], atol=1e-6)


def test_a_mirroring_joint_keeps_faces_and_normals_outward(glb, read):
    box = trimesh.creation.box((1, 1, 1))
    glb.box((1, 1, 1)).attribute("NORMAL", np.repeat(box.face_normals, 3, axis=0).astype("f4"))
    skin(glb, np.zeros((BOX_CORNERS, 4), "u1"), joint_nodes=({"scale": [-2, 1, 1]},))
    (part,) = read(glb)
    assert volume(part) == pytest.approx(2.0)
    outward = part.vertices[part.faces].mean(axis=1)
    assert (np.einsum("fc,fc->f", part.normals[part.faces[:, 0]], outward) > 0).all()


def test_a_mesh_without_joints_follows_its_node(glb, read):
    glb.box((2, 2, 2))
    glb.header["nodes"] = [{"mesh": 0, "skin": 0, "translation": [9, 0, 0]}]
    glb.header["skins"] = [{"joints": [0]}]
    assert bounds(read(glb))[0].tolist() == [8, -1, -1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda header: header["skins"][0].update(joints=[7]), "1 not in it"),
        (lambda header: header["skins"][0].update(joints=[]), "got 0"),
        (lambda header: header["nodes"][0].update(skin=3), "3 in skins"),
        (lambda header: header["skins"][0].update(inverseBindMatrices=0), "inverse bind matrices"),
        (lambda header: header["meshes"][0]["primitives"][0]["attributes"].pop("WEIGHTS_0"), "broken glTF"),
        (lambda header: header["scenes"][0].update(nodes=[0]), "1 not in it"),
    ],
)
def test_broken_skins_are_refused(glb, read, edit, message):
    skin(glb.box(), np.zeros((BOX_CORNERS, 4), "u1"))
    edit(glb.header)
    with pytest.raises(ModelError, match=rf"^x\.glb: .*{message}"):
        read(glb)


def test_joints_beyond_the_skin_are_refused(glb, read):
    skin(glb.box(), np.full((BOX_CORNERS, 4), 1, "u1"))
    with pytest.raises(ModelError, match="joint 1 of 1"):
        read(glb)


def instances(glb, **attributes):
    accessors = {name: glb.accessor(np.asarray(values, "f4")) for name, values in attributes.items()}
    glb.header["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": accessors}}
    glb.header["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]


def test_instances_are_placed_in_the_frame_of_their_node(glb, read):
    glb.box((2, 1, 1))
    glb.header["nodes"][0] |= {"translation": [0, 10, 0], "scale": [1, 2, 1]}
    instances(glb, TRANSLATION=[[0, 0, 0], [4, 1, 0]], ROTATION=[[0, 0, 0, 1], [0, 0, HALF, HALF]])
    (part,) = read(glb)
    assert len(part.faces) == 24
    np.testing.assert_allclose(bounds([part]), [[-1, 9, -0.5], [4.5, 14, 0.5]], atol=1e-5)


def test_instances_may_have_a_scale_only(glb, read):
    instances(glb.box((1, 1, 1)), SCALE=[[1, 1, 1], [-4, 1, 1]])
    (part,) = read(glb)
    np.testing.assert_allclose(bounds([part]), [[-2, -0.5, -0.5], [2, 0.5, 0.5]])
    assert volume(part) == pytest.approx(1 + 4)


def test_instances_count_towards_the_limit(glb, read):
    instances(glb.box(), TRANSLATION=np.zeros((100, 3)))
    with pytest.raises(ModelError, match=r"1000 .*1200"):
        read(glb)


def test_broken_instances_are_refused(glb, read):
    instances(glb.box(), TRANSLATION=np.zeros((2, 3)), SCALE=np.ones((3, 3)))
    with pytest.raises(ModelError, match=r"instances .*\[2, 3\]"):
        read(glb)
    glb.header["nodes"][0]["skin"] = 0
    glb.header["skins"] = [{"joints": [0]}]
    with pytest.raises(ModelError, match="EXT_mesh_gpu_instancing"):
        read(glb)


def morph(glb, weights=None, node_weights=None):
    """A target that moves all vertices by one along X, and one that moves one vertex by ten along Y."""
    moved = np.zeros((BOX_CORNERS, 3), "f4")
    moved[:, 0] = 1.0
    sparse = {
        "count": 1,
        "indices": {"bufferView": glb.view(np.array([3], "u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": glb.view(np.array([[0, 10, 0]], "f4").tobytes())},
    }
    glb.header["accessors"].append({"componentType": 5126, "count": BOX_CORNERS, "type": "VEC3", "sparse": sparse})
    sparse_target = len(glb.header["accessors"]) - 1
    glb.primitive["targets"] = [{"POSITION": glb.accessor(moved)}, {"POSITION": sparse_target}]
    glb.header["meshes"][0] |= {} if weights is None else {"weights": weights}
    glb.header["nodes"][0] |= {} if node_weights is None else {"weights": node_weights}


@pytest.mark.parametrize(
    ("weights", "node_weights", "shift"),
    [(None, None, 0), ([0, 0], None, 0), ([2, 0], None, 2), ([2, 0], [-1, 0], -1), (None, [0.5], 0.5)],
)
def test_morph_targets_have_the_weights_of_the_node_or_the_mesh(glb, read, weights, node_weights, shift):
    morph(glb.box((2, 2, 2)), weights, node_weights)
    np.testing.assert_allclose(bounds(read(glb))[:, 0], [shift - 1, shift + 1], atol=1e-6)


def test_sparse_morph_targets(glb, read):
    before = read(glb.box((2, 2, 2)))[0].vertices
    morph(glb, [0, 1])
    moved = read(glb)[0].vertices - before
    assert moved[3].tolist() == [0, 10, 0]
    assert np.count_nonzero(moved) == 1


def test_sparse_positions_replace_those_of_the_buffer(glb, read):
    glb.box((2, 2, 2))
    glb.header["accessors"][0]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": glb.view(np.array([0, 35], "u1").tobytes()), "componentType": 5121},
        "values": {"bufferView": glb.view(np.array([[9, 0, 0], [0, 9, 0]], "f4").tobytes())},
    }
    (part,) = read(glb)
    assert part.vertices[[0, 35]].tolist() == [[9, 0, 0], [0, 9, 0]]
    assert np.abs(part.vertices[1:35]).max() == 1.0
    glb.header["accessors"][0]["sparse"]["indices"]["bufferView"] = glb.view(np.array([0, 36], "u1").tobytes())
    with pytest.raises(ModelError, match="element 36 of 36"):
        read(glb)


def test_hidden_nodes_and_their_children_are_left_out(glb, read):
    hidden = {"extensions": {"KHR_node_visibility": {"visible": False}}, "children": [1]}
    glb.box((2, 2, 2))
    glb.header["nodes"] = [hidden, {"mesh": 0, "translation": [50, 0, 0]}, {"mesh": 0}]
    glb.header["scenes"][0]["nodes"] = [0, 2]
    assert bounds(read(glb))[1].tolist() == [1, 1, 1]
    glb.header["nodes"][0]["extensions"]["KHR_node_visibility"]["visible"] = True
    assert bounds(read(glb))[1].tolist() == [51, 1, 1]
