import pytest

from shelfnet.data.obj.mtl import MtlEntry, TexturePlacement, parse_mtl


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("Kd 0.1 0.2 0.3", MtlEntry((0.1, 0.2, 0.3), None)),
        ("kd 0.1 0.2 0.3 # brown", MtlEntry((0.1, 0.2, 0.3), None)),
        ("\tKd\t2 -1 0.3", MtlEntry((1.0, 0.0, 0.3), None)),
        ("Kd nan 0 0", MtlEntry()),
        ("Kd spectral file.rfl 1", MtlEntry()),
        ("Kd 0.5", MtlEntry()),
        ("map_Kd texture.png", MtlEntry(None, "texture.png")),
        ("MAP_KD -clamp on texture.png", MtlEntry(None, "texture.png")),
        ("map_Kd -s 1 1 1 -o 0.5 0 -clamp on wood grain ü.png",
         MtlEntry(None, "wood grain ü.png", TexturePlacement((1.0, 1.0), (0.5, 0.0)))),
        ("map_Kd -s 1 1 2d.png", MtlEntry(None, "2d.png")),
        ("map_Kd -s 4 wood.png", MtlEntry(None, "wood.png", TexturePlacement((4.0, 1.0)))),
        ("map_Kd -o .1 -.2 0 -s 4 5 6 -mm 0 1 wood.png",
         MtlEntry(None, "wood.png", TexturePlacement((4.0, 5.0), (0.1, -0.2)))),
        ("map_Kd -s 1e400 1 -o 1e9 -t 1 1 1 wood.png", MtlEntry(None, "wood.png")),
        ("map_Kd -s 1-2 wood.png", MtlEntry(None, "wood.png")),
        ("map_Kd -s 2 2 wood.png\nKd 0 0 1", MtlEntry((0.0, 0.0, 1.0), "wood.png", TexturePlacement((2.0, 2.0)))),
        ("map_Ks gloss.png\nd 0\nTr 1", MtlEntry()),
    ],
)  # fmt: skip
def test_statements_of_a_material(text, entry):
    assert parse_mtl(f"# comment\n\nnewmtl wood\n{text}\n") == {"wood": entry}


def test_statements_before_first_material_ignored():
    assert parse_mtl("Kd 1 0 0\nnewmtl a\nnewmtl b c\nKd 0 0 1\n") == {
        "a": MtlEntry(),
        "b c": MtlEntry((0.0, 0.0, 1.0), None),
    }
