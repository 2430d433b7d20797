"""Missing system libraries are reported with the command that installs them."""

import sys

import pytest
import system_libraries


def without(monkeypatch: pytest.MonkeyPatch, *sonames: str) -> None:
    monkeypatch.setattr(system_libraries, "is_there", lambda soname: soname not in sonames)


def test_is_there_asks_the_dynamic_linker():
    assert system_libraries.is_there("libc.so.6")
    assert not system_libraries.is_there("libnothing-of-the-kind.so.7")


def test_missing_libraries_are_listed_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    without(monkeypatch, "libEGL.so.1", "libXi.so.6")
    monkeypatch.setattr(sys, "argv", ["system_libraries.py"])
    with pytest.raises(SystemExit, match="1"):
        system_libraries.main()
    told = capsys.readouterr().err
    assert "libEGL.so.1, libXi.so.6" in told
    assert "apt-get install libegl1 libxi6 " in told
    assert "dnf install libglvnd-egl libXi " in told


@pytest.mark.parametrize(("gone", "missing"), [((system_libraries.NVIDIA,), 0), (("libEGL_mesa.so.0",), 0)])
def test_one_egl_driver_is_enough(monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...], missing: int):
    without(monkeypatch, *gone)
    assert len(system_libraries.missing_libraries()) == missing


def test_missing_egl_drivers_ask_for_mesa(monkeypatch: pytest.MonkeyPatch):
    without(monkeypatch, "libEGL_mesa.so.0", system_libraries.NVIDIA)
    assert system_libraries.missing_libraries() == [system_libraries.MESA]
