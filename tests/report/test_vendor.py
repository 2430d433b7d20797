import hashlib
from pathlib import Path

import shelfnet.report

VENDOR = Path(shelfnet.report.__file__).parent / "vendor" / "model-viewer"


def test_model_viewer_is_the_file_that_its_readme_names():
    script, readme = (VENDOR / "model-viewer.min.js").read_bytes(), (VENDOR / "README.md").read_text()
    assert hashlib.sha256(script).hexdigest() in readme
    assert "Apache License" in (VENDOR / "LICENSE").read_text()


def test_model_viewer_cannot_end_the_script_element_around_it():
    script = (VENDOR / "model-viewer.min.js").read_text(encoding="utf-8").lower()
    assert "</script" not in script
    assert "<script" not in script
