"""Settings of the documentation site: the pages of this folder and an API reference made from docstrings."""

import importlib.metadata

project = "shelfnet"
author = "shelfnet contributors"
release = importlib.metadata.version("shelfnet")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]
html_theme = "alabaster"
html_theme_options = {"description": "One photo of a piece of furniture to a mesh", "page_width": "72rem"}

myst_heading_anchors = 3

autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
