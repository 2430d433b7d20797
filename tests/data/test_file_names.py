from shelfnet.data.file_names import folded_name


def test_letter_case_and_unicode_composition_are_ignored():
    assert folded_name("Fauteuil é STRASSE") == folded_name("fauteuil é straße")
    assert folded_name("a.png") != folded_name("b.png")
