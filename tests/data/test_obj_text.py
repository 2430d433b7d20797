import pytest

from shelfnet.data.obj_text import detach, read_obj_text
from shelfnet.data.objects import ModelError


def test_materials_are_numbered_in_the_order_of_their_first_use():
    obj = detach(b"mtllib a b.mtl\nusemtl oak\nf 1 2 3\nusemtl tin\nf 1 2 3\n  usemtl oak\nf 3 2 1\n")
    assert obj.materials == ("oak", "tin")
    assert obj.libraries == ("a b.mtl",)
    assert obj.text == b"#\nusemtl material_0\nf 1 2 3\nusemtl material_1\nf 1 2 3\nusemtl material_0\nf 3 2 1\n"


@pytest.mark.parametrize(
    "statement",
    [b"mtllib ../x.mtl", b"  mtllib ../x.mtl", b"\tmtllib\t../x.mtl", b"\\\nmtllib ../x.mtl", b"mtllib \\\n ../x.mtl",
     b"\x00mtllib ../x.mtl", b"\rmtllib ../x.mtl", b"\\ mtllib ../x.mtl", b"\x0bmtllib ../x.mtl",
     b"\xef\xbb\xbfmtllib ../x.mtl"],
)  # fmt: skip
def test_no_material_library_survives(statement):
    obj = detach(statement + b"\nv 0 0 0\n")
    assert b"mtllib" not in obj.text and b"x.mtl" not in obj.text
    assert obj.libraries == ("../x.mtl",)
    assert obj.text.endswith(b"v 0 0 0\n")


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_reads_alike(newline):
    assert detach(newline.join([b"v 0 0 0", b"usemtl a", b"f 1 \\", b"2 3", b""])).text == (
        b"v 0 0 0\nusemtl material_0\nf 1  2 3\n"
    )


def test_names_in_any_encoding_and_without_a_name_are_kept_apart():
    obj = detach("usemtl hölz\n".encode("latin-1") + b"usemtl\nusemtl " + "木\n".encode())
    assert obj.materials == ("hölz", "", "木")


def test_words_that_only_begin_alike_stay():
    assert detach(b"mtllibrary x\nusemtls y\n").text == b"mtllibrary x\nusemtls y\n"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.obj"):
        read_obj_text(tmp_path / "gone.obj")
