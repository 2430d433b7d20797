"""``shelfnet demo``: what keeps it from starting, in one line each. The page itself is tested in ``tests/demo``."""

import socket
import sys

import pytest

from shelfnet.cli.main import main


def refusal(capsys, *arguments):
    """The one line of a command that does not start."""
    assert main(["demo", "--no-open", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_missing_gradio_names_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "pip install 'shelfnet[demo]'" in refusal(capsys)


class TestWithGradio:
    @pytest.fixture(autouse=True)
    def gradio(self):
        pytest.importorskip("starlette", reason="the page needs the extra demo")

    def test_port_in_use(self, capsys):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            told = refusal(capsys, "--port", port)
        assert str(port) in told and "in use" in told and "--port" in told

    def test_unknown_host(self, capsys):
        assert "no.such.host.invalid" in refusal(capsys, "--host", "no.such.host.invalid")

    def test_weights_that_are_not_ours(self, tmp_path, capsys):
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        told = refusal(capsys, "--port", 0, "--checkpoint", tmp_path)
        assert str(tmp_path) in told and "model.json" in told
