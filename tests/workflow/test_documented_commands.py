"""Commands in the documentation, parsed by Snakemake."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_args

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/running.md", "docs/data.md")
SLURM = "workflow/profiles/slurm"


def commands(document: str) -> list[str]:
    """Lines of code blocks that run Snakemake, with continuation lines joined."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(text for language, text in blocks if not language).replace("\\\n", " ").splitlines()
    return [line for line in lines if re.match(r"(\w+=\S+ )?snakemake ", line)]


COMMANDS = [command for document in DOCUMENTS for command in commands(document)]
FOR_CLUSTERS = [command for command in COMMANDS if SLURM in command]


def words(command: str) -> list[str]:
    """Arguments of a command, split as by a shell."""
    given = shlex.split(command.replace("$PWD", str(ROOT)))
    return given[given.index("snakemake") + 1 :]


def test_commands_are_found():
    assert len(COMMANDS) >= 5
    assert len(FOR_CLUSTERS) >= 2


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_command_names_existing_files(command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    _, arguments = parse_args([word for word in words(command) if SLURM not in word and word != "--workflow-profile"])
    assert all(Path(path).is_file() for path in arguments.configfile or [])
    assert arguments.forcerun is None or set(arguments.forcerun) <= {
        "render_views",
        "stage_dataset",
        "stage_photographs",
    }
    assert not arguments.profile


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """The cluster profile without the options of its plugin."""
    profile = yaml.safe_load((ROOT / SLURM / "config.yaml").read_text())
    known = {key: value for key, value in profile.items() if key != "executor" and not key.startswith("slurm-")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(known))
    return tmp_path


@pytest.mark.parametrize("command", FOR_CLUSTERS)
@pytest.mark.parametrize(("option", "limits"), [("--workflow-profile", set()), ("--profile", {"gpu", "mem_mb"})])
def test_cluster_command_has_no_single_machine_limits(
    cluster: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str, limits: set[str]
):
    monkeypatch.chdir(ROOT)
    assert f'--workflow-profile "$PWD/{SLURM}"' in command
    given = words(command.replace("--workflow-profile", option))
    _, arguments = parse_args([str(cluster) if word.endswith(SLURM) else word for word in given])
    assert {str(entry).split("=")[0] for entry in arguments.resources or []} == limits
    assert arguments.jobs == 1000


def test_rules_request_gpus_themselves():
    profile = yaml.safe_load((ROOT / SLURM / "config.yaml").read_text())
    assert not [entry for entry in profile["set-resources"] if "gpu" in entry or "partition" in entry]
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    for rule in ("render_views", "train_clip", "train", "reconstruct", "refine"):
        assert re.search(rf"^rule {rule}:\n(?:(?!^rule ).)*?^        gpu=", rules, re.MULTILINE | re.DOTALL), rule


def test_cpu_partitions_come_first():
    partitions = yaml.safe_load((ROOT / SLURM / "partitions.yaml").read_text())["partitions"]
    gpus = [limits.pop("max_gpu", 0) for limits in partitions.values()]
    assert gpus[0] == 0
    assert gpus[-1] > 0
    assert len({tuple(sorted(limits.items())) for limits in partitions.values()}) == 1
