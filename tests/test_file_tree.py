"""Links are followed to readable files and folders, and each folder is visited once."""

import os

import pytest
from unprivileged import reachable_folder, unprivileged

from shelfnet.file_tree import aliases, link_fault, list_folder, walk


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def visited(root):
    return sorted(folder.relative_to(root).as_posix() for folder, _ in walk(root, lambda path: True))


def test_listing_sorts_entries_by_kind(tmp_path):
    root = touch(tmp_path / "in", "b", "a", "sub/x")
    touch(tmp_path / "out", "file", "folder/y")
    (root / "linked").symlink_to("../out/file")
    (root / "Linked").symlink_to(tmp_path / "out" / "folder")
    (root / "gone").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    listing = list_folder(root)
    assert list(listing.files) == ["a", "b", "linked"]
    assert list(listing.folders) == ["Linked", "sub"]
    assert list(listing.unusable) == ["gone"]
    assert listing.folders["sub"] == root / "sub"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere", "does not exist"),
        ("../gone/away", "does not exist"),
        ("link", "back to itself"),
        (".", "contains the link"),
        ("/", "contains the link"),
        ("/dev/null", "neither a file nor a folder"),
    ],
)
def test_fault_names_the_target(tmp_path, target, reason):
    (tmp_path / "link").symlink_to(target)
    fault = link_fault(tmp_path / "link")
    assert fault is not None
    assert fault.startswith(f"is a link to {target}, ") and reason in fault


def test_usable_links_and_other_files_have_no_fault(tmp_path):
    touch(tmp_path, "a/file")
    (tmp_path / "a" / "link").symlink_to("file")
    (tmp_path / "b").symlink_to("a")
    for name in ("a/file", "a/link", "b", "b/link", "a", "missing"):
        assert link_fault(tmp_path / name) is None


@pytest.mark.parametrize("name", ["file", "folder"])
def test_target_that_may_not_be_read_is_a_fault(name):
    with reachable_folder() as root:
        touch(root, "file", "folder/file")
        (root / "link").symlink_to(name)
        (root / name).chmod(0)
        with unprivileged():
            fault = link_fault(root / "link")
        (root / name).chmod(0o755)
    assert fault == f"is a link to {name}, which this user may not read"


def test_walk_enters_each_folder_once(tmp_path):
    root = touch(tmp_path / "in", "a/b/file", "z/file")
    touch(tmp_path / "out", "deep/file")
    (root / "a" / "alias").symlink_to(root / "z")
    (root / "out").symlink_to(tmp_path / "out")
    (root / "out2").symlink_to(tmp_path / "out" / "deep")
    (tmp_path / "out" / "back").symlink_to(root)
    (tmp_path / "out" / "deep" / "up").symlink_to("..")
    assert visited(root) == [".", "a", "a/b", "out", "out/deep", "z"]


def test_walk_leaves_folders_out(tmp_path):
    root = touch(tmp_path, "a/b/file", ".git/file")
    entered = [folder for folder, _ in walk(root, lambda path: not path.name.startswith("."))]
    assert root / ".git" not in entered and root / "a" / "b" in entered


def test_folder_that_may_not_be_read_is_named():
    """Such as lost+found in the root of a disk."""
    with reachable_folder() as root:
        touch(root, "a/file", "lost+found/file")
        (root / "lost+found").chmod(0)
        with unprivileged():
            found = {folder.name: listing for folder, listing in walk(root, lambda path: True)}
        (root / "lost+found").chmod(0o755)
    assert set(found) == {root.name, "a"}
    assert found[root.name].unusable == {"lost+found": "is a folder that this user may not read"}


def test_aliases_are_links_to_files_that_are_listed_already(tmp_path):
    touch(tmp_path, "a", "blob")
    for name, target in (("b", "a"), ("c", "blob"), ("d", "c"), ("e", "blob")):
        (tmp_path / name).symlink_to(target)
    assert [path.name for path in aliases(tmp_path / name for name in "edcba")] == ["b", "d", "e"]
    assert aliases([tmp_path / "a", tmp_path / "blob"]) == []
