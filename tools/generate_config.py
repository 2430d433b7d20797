"""Write ``config.yaml`` and ``config.schema.json`` from the schema in ``shelfnet/config``.

``python tools/generate_config.py`` writes both files; a test fails while they differ from the schema.
"""

import copy
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shelfnet.config.ablations import DESCRIPTIONS, OVERRIDABLE, SHARED_KEYS
from shelfnet.config.schema import Config
from shelfnet.config.workflow import StageResources

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 120
COMMENT_COLUMN = 28
INLINE = (StageResources,)
"""Sections that are written as one line."""

HEAD = """\
# yaml-language-server: $schema=config.schema.json
# All settings, with the values of the embedded default: generated furniture, two CPU cores, no downloads.
# tools/generate_config.py writes this file from shelfnet/config. Put your own values into an overlay, as in
# workflow/presets/: --configfile workflow/presets/paper.yaml. An overlay names only what differs: mappings are merged,
# lists are replaced. An unknown key stops the run, and the message names it.
"""


def config_yaml() -> str:
    """Text of ``config.yaml``: every setting with its default and its description as a comment."""
    config, lines = Config(), HEAD.splitlines()
    for name, field in Config.model_fields.items():
        value = getattr(config, name)
        lines += ["", *_comment(_description(field, value))]
        lines += _ablation_lines(value) if name == "ablations" else _entry(name, value, "", 0)
    return "\n".join(lines) + "\n"


def config_schema() -> str:
    """Text of ``config.schema.json``: the JSON schema of whole files and overlays, for editors."""
    schema = Config.model_json_schema()
    overrides = {name: schema["properties"][name] for name in OVERRIDABLE}
    for section, keys in SHARED_KEYS.items():
        name = overrides[section]["$ref"].removeprefix("#/$defs/")
        definition = copy.deepcopy(schema["$defs"][name])
        for key in keys:
            del definition["properties"][key]
        schema["$defs"][f"Ablation{name}"] = definition
        overrides[section] = {"$ref": f"#/$defs/Ablation{name}"}
    schema["properties"]["ablations"]["additionalProperties"] = {
        "type": "object",
        "properties": overrides,
        "additionalProperties": False,
    }
    text = json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
    return re.sub(r"(?<!\\n)\\n(?!\\n)", " ", text)  # line breaks inside the paragraphs of descriptions


def _section_lines(section: BaseModel, depth: int) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        yield from _entry(name, value, _description(field, value), depth)


def _entry(name: str, value: Any, description: str, depth: int) -> Iterator[str]:
    """Lines of one key, with its description as a comment."""
    if isinstance(value, BaseModel) and not isinstance(value, INLINE):
        yield from _commented(f"{'  ' * depth}{name}:", description)
        yield from _section_lines(value, depth + 1)
    else:
        plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        yield from _commented(f"{'  ' * depth}{name}: {_flow(plain)}", description)


def _ablation_lines(ablations: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "ablations:"
    for name, overrides in ablations.items():
        yield from _commented(f"  {name}:" if overrides else f"  {name}: {{}}", DESCRIPTIONS[name])
        yield from (f"    {section}: {_flow(values)}" for section, values in overrides.items())


def _description(field: FieldInfo, value: Any) -> str:
    """Description of a field; that of the section where the field has none."""
    is_section = isinstance(value, BaseModel) and not isinstance(value, INLINE)
    text = field.description or (inspect.getdoc(value) if is_section else None) or ""
    return re.sub(r"\s+", " ", text)


def _commented(entry: str, description: str) -> list[str]:
    """An entry with its description at its end, continued on lines below where it is long."""
    if not description:
        return [entry]
    column = max(COMMENT_COLUMN, len(entry) + 2)
    first, *rest = textwrap.wrap(description.removesuffix("."), WIDTH - column - 2)
    return [f"{entry:<{column}}# {first}", *(f"{'':<{column}}# {line}" for line in rest)]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000).removesuffix("...\n").strip()


if __name__ == "__main__":
    (ROOT / "config.yaml").write_text(config_yaml(), encoding="utf-8")
    (ROOT / "config.schema.json").write_text(config_schema(), encoding="utf-8")
