# pyright: reportAttributeAccessIssue=false
"""Selection of the device that Cycles renders on; a requested device that is missing is an error."""

import logging

from shelfnet.blender.runtime import bpy

log = logging.getLogger(__name__)


class DeviceError(RuntimeError):
    """The configured device is not available."""


def use_device(scene: bpy.types.Scene, device: str) -> None:
    """Render on ``cpu``, or on every GPU of a kind (``optix``, ``cuda``, ``hip``, ``metal``, ``oneapi``).

    Raises:
        DeviceError: This machine, or this build of Blender, has no GPU of that kind.
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
    found = "; ".join(f"{device.name} ({device.type})" for device in preferences.devices) or "no device"
    log.info("Cycles found: %s", found)
    for device in preferences.devices:
        device.use = device.type == kind
    names = [device.name for device in preferences.devices if device.type == kind]
    if not names:
        message = f"render.device: expected a GPU for {kind.lower()}, found only {found}; `cpu` works everywhere"
        raise DeviceError(message)
    return names
