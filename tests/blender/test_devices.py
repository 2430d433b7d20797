import logging
from types import SimpleNamespace

import pytest

from shelfnet.blender import devices
from shelfnet.blender.devices import DeviceError, use_device
from shelfnet.blender.scene import CyclesQuality, build_scene


class FakePreferences:
    """A fake machine with one CPU and the given GPUs."""

    def __init__(self, *gpus):
        names = [("Some CPU", "CPU"), *gpus]
        self.devices = [SimpleNamespace(name=name, type=kind, use=True) for name, kind in names]
        self._kind = "NONE"

    @property
    def compute_device_type(self):
        return self._kind

    @compute_device_type.setter
    def compute_device_type(self, kind):
        if kind == "METAL":
            raise TypeError("enum 'METAL' not found")
        self._kind = kind

    def refresh_devices(self):
        pass


@pytest.fixture
def machine(monkeypatch):
    def install(*gpus):
        preferences = FakePreferences(*gpus)
        context = SimpleNamespace(
            preferences=SimpleNamespace(addons={"cycles": SimpleNamespace(preferences=preferences)})
        )
        monkeypatch.setattr(devices, "bpy", SimpleNamespace(context=context))
        return preferences

    return install


@pytest.fixture
def scene():
    scene = build_scene(CyclesQuality(16, samples=1, denoise=False), fov=0.6, threads=1)
    scene.cycles.device = "CPU"
    return scene


def test_cpu_not_probed(scene):
    scene.cycles.device = "GPU"
    use_device(scene, "cpu")
    assert scene.cycles.device == "CPU"


def test_gpus_used_and_logged(machine, scene, caplog):
    preferences = machine(("Card A", "OPTIX"), ("Card A", "CUDA"))
    with caplog.at_level(logging.INFO):
        use_device(scene, "optix")
    assert scene.cycles.device == "GPU"
    assert [device.use for device in preferences.devices] == [False, True, False]
    assert "Card A" in caplog.text


def test_missing_gpu_refused(machine, scene):
    machine(("Card A", "CUDA"))
    with pytest.raises(DeviceError, match=r"optix, .*Some CPU \(CPU\); Card A"):
        use_device(scene, "optix")
    assert scene.cycles.device == "CPU"


def test_unsupported_kind_refused(machine, scene):
    machine()
    with pytest.raises(DeviceError, match="metal"):
        use_device(scene, "metal")
