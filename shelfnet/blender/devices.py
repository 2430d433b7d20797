"""Which device Cycles renders on: what is there goes to the log, what is asked for and absent is an error."""

import logging

from shelfnet.blender.runtime import bpy

log = logging.getLogger(__name__)


class DeviceError(RuntimeError):
    """The device that the configuration asks for is not there."""


def use_device(scene: bpy.types.Scene, device: str) -> None:
    """Render on ``cpu``, or on every GPU of a kind (``optix``, ``cuda``, ``hip``, ``metal``, ``oneapi``).

    Raises:
        DeviceError: this machine, or this build of Blender, has no GPU of that kind.
    """
    if device == "cpu":
        scene.cycles.device = "CPU"
        log.info("Cycles renders on the CPU")
        return
    names = _enable_gpus(device.upper())
    scene.cycles.device = "GPU"
    log.info("Cycles renders on %s: %s", device, ", ".join(names))


def _enable_gpus(kind: str) -> list[str]:
    preferences = bpy.context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = kind
    except TypeError as error:
        raise DeviceError(f"render.device: {kind.lower()} is unknown to this build of Blender ({error})") from error
    preferences.refresh_devices()
    found = [(device.name, device.type) for device in preferences.devices]
    log.info("Cycles found: %s", "; ".join(f"{name} ({type_})" for name, type_ in found) or "no device")
    for device in preferences.devices:
        device.use = device.type == kind
    names = [name for name, type_ in found if type_ == kind]
    if not names:
        raise DeviceError(
            f"render.device: expected a GPU for {kind.lower()}, found only "
            f"{'; '.join(f'{name} ({type_})' for name, type_ in found) or 'no device'}; `cpu` works everywhere"
        )
    return names
