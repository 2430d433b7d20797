import pytest

from shelfnet.data.catalogue.dataset_layout import content_digest, find_root, model_folders
from shelfnet.data.catalogue.model_info import DatasetError


@pytest.mark.parametrize("inner", ["", "3D-FUTURE-model", "download/3D-FUTURE-model"])
def test_find_root(tmp_path, write_dataset, inner):
    root = write_dataset(tmp_path / "data" / inner, "a", "b")
    assert find_root(tmp_path / "data") == root


def test_no_list_or_two_lists_refused(tmp_path, write_list):
    (tmp_path / "data").mkdir()
    with pytest.raises(DatasetError, match=r"data: .*model_info\.json"):
        find_root(tmp_path / "data")
    for name in ("x", "y"):
        write_list(tmp_path / "data" / name, [])
    with pytest.raises(DatasetError, match=r"model_info\.json.*x.*y"):
        find_root(tmp_path / "data")


def test_linked_data_set_is_found(tmp_path, write_dataset):
    write_dataset(tmp_path / "elsewhere", "a")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "3D-FUTURE-model").symlink_to("../elsewhere")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "elsewhere")
    root = find_root(tmp_path / "data")
    assert root == tmp_path / "data" / "3D-FUTURE-model"
    assert model_folders(root) == {"a": root / "a"}


def test_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "3D-FUTURE-model").symlink_to("/mnt/unmounted/3D-FUTURE-model")
    with pytest.raises(DatasetError, match=r"3D-FUTURE-model is a link to /mnt/unmounted/3D-FUTURE-model, .*not exist"):
        find_root(tmp_path)


@pytest.mark.parametrize("target", [".", "..", "/"])
def test_links_to_folders_above_do_not_multiply_models(tmp_path, write_dataset, target):
    root = write_dataset(tmp_path / "data", "a")
    (root / "loop").symlink_to(target)
    assert find_root(tmp_path / "data") == root
    assert model_folders(root) == {"a": root / "a"}


@pytest.mark.parametrize("inner", ["part1", "part1/part1", "part1/3D-FUTURE-model-part1/3D-FUTURE-model"])
def test_models_found_at_the_depth_that_unpacking_gives(tmp_path, write_dataset, write_model, inner):
    """Extract All puts each part into a folder of its own."""
    root = write_dataset(tmp_path / "data", "a")
    (root / inner).mkdir(parents=True)
    (root / "a").rename(root / inner / "a")
    assert model_folders(root)["a"] == root / inner / "a"


def test_model_in_a_folder_of_its_own_name_is_found(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "data", "a")
    (root / "a").rename(root / "inner")
    (root / "a").mkdir()
    (root / "inner").rename(root / "a" / "a")
    assert model_folders(root)["a"] == root / "a" / "a"


def test_models_found_in_parts(tmp_path, write_dataset, write_model):
    root = write_dataset(tmp_path / "data", "a")
    write_model(root / "part1", "b")
    write_model(root / "part2", "b")
    write_model(root / "part2", "a")
    (root / "part3" / "no model").mkdir(parents=True)
    folders = model_folders(root)
    assert (folders["a"], folders["b"]) == (root / "a", root / "part1" / "b")
    assert "no model" not in folders


def test_digest_depends_on_content(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "x", "a", "b")
    first = content_digest(root)
    assert content_digest(write_dataset(tmp_path / "y", "a", "b")) == first
    (root / "a" / "image.jpg").write_bytes(b"unused")
    (root / "a" / "linked.png").symlink_to("/etc/hostname")
    (root / "c").mkdir()
    (root / "c" / "raw_model.obj").symlink_to("nowhere")
    assert content_digest(root) == first
    changed = []
    (root / "a" / "wood.jpg").write_bytes(b"")
    for name in ("a/raw_model.obj", "b/texture.png", "b/model.mtl", "a/wood.jpg", "model_info.json"):
        with (root / name).open("ab") as stream:
            stream.write(b" ")
        changed.append(content_digest(root))
    assert len({first, *changed}) == 6


def test_digest_follows_links_to_a_store(tmp_path, write_dataset):
    root = write_dataset(tmp_path / "x", "a")
    first = content_digest(root)
    store = tmp_path / "store"
    store.mkdir()
    for path in sorted((root / "a").iterdir()):
        path.rename(store / f"blob-{path.name}")
        path.symlink_to(store / f"blob-{path.name}")
    assert content_digest(root) == first
    with (store / "blob-texture.png").open("ab") as stream:
        stream.write(b" ")
    assert content_digest(root) != first
