from pathlib import PurePosixPath

import pytest

from shelfnet.data.archives import ArchiveError
from shelfnet.data.sources.archive_parts import UNFINISHED, extract_part, is_complete, read_contents


@pytest.fixture
def archive(tmp_path, write_dataset, write_model, zip_folder):
    """Models at several depths, two of the same name, one nested in another, and other files."""
    source = write_dataset(tmp_path / "src", "a")
    for place in ("part1", "part1/a", "part2/deep"):
        write_model(source / place, "b")
    write_model(source / "a", "inner")
    (source / "part1" / "readme.txt").write_text("")
    return zip_folder(tmp_path / "x.zip", source)


def test_models_found_at_any_depth(archive):
    content = read_contents(archive)
    assert content.models == {"a": PurePosixPath("a"), "b": PurePosixPath("part1/b")}
    assert content.list_path == PurePosixPath("model_info.json")
    assert content.sizes_bytes[PurePosixPath("part1/readme.txt")] == 0


def test_part_has_models_and_list_at_top_level(tmp_path, archive):
    content = read_contents(archive)
    extract_part(archive, content, tmp_path / "part")
    found = sorted(path.relative_to(tmp_path / "part").as_posix() for path in (tmp_path / "part").rglob("*.*"))
    files = [f"{name}/{file}" for name in "ab" for file in ("model.mtl", "raw_model.obj", "texture.png")]
    inner = [f"a/inner/{file}" for file in ("model.mtl", "raw_model.obj", "texture.png")]
    assert found == sorted([*files, *inner, "model_info.json"])
    assert not (tmp_path / UNFINISHED).exists()


@pytest.mark.parametrize("file", ["a/texture.png", "b/model.mtl", "model_info.json"])
@pytest.mark.parametrize("damage", ["absent", "short", "link"])
def test_incomplete_part_detected_and_redone(tmp_path, archive, file, damage):
    content = read_contents(archive)
    extract_part(archive, content, tmp_path / "part")
    assert is_complete(tmp_path / "part", content)
    path = tmp_path / "part" / file
    whole = path.read_bytes()
    path.unlink()
    if damage == "short":
        path.write_bytes(whole[:-1])
    elif damage == "link":
        path.symlink_to("x" * len(whole))  # as long as the file
    assert not is_complete(tmp_path / "part", content)
    extract_part(archive, content, tmp_path / "part")
    assert is_complete(tmp_path / "part", content)


def test_damaged_archive_publishes_nothing(tmp_path, archive):
    content = read_contents(archive)
    archive.write_bytes(archive.read_bytes().replace(b"v 2 0 0", b"v 3 0 0"))
    with pytest.raises(ArchiveError, match=r"x\.zip"):
        extract_part(archive, content, tmp_path / "part")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["src", "x.zip"]
