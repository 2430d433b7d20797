"""Parser, entry points and exit codes."""

import subprocess
import sys

import pytest

from shelfnet import __version__
from shelfnet.cli import main as entry
from shelfnet.cli.errors import missing_package
from shelfnet.cli.main import main


def test_parser_does_not_import_torch():
    program = (
        "import sys\nfrom shelfnet.cli.main import parser\nparser()\nprint({'torch', 'pyrender'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_module_runs_the_command():
    told = subprocess.run([sys.executable, "-m", "shelfnet", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == f"shelfnet {__version__}"


@pytest.mark.parametrize("arguments", [[], ["predict"], ["predict", "a.png"], ["fetch"]])
def test_missing_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: shelfnet" in capsys.readouterr().err


def test_interrupt_exits_with_130(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_predict", interrupt)
    assert main(["predict", "a.png", "-o", "a.glb"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_missing_package_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shelfnet.cli.predict", None)
    assert main(["predict", "a.png", "-o", "a.glb"]) == 2
    assert "shelfnet.cli.predict" in capsys.readouterr().err
    assert "shelfnet[masks]" in missing_package(ModuleNotFoundError(name="torchvision"))
