"""Variation of renders, as in photographs taken in the wild."""

from __future__ import annotations

from pydantic import Field, model_validator

from shelfnet.config.section import Fraction, Section


class RenderVariation(Section):
    """Random differences between images, as between photographs; the defaults render all images alike."""

    suns: bool = False
    """Whether the suns are turned and coloured at random, for cycles."""
    rooms: bool = False
    """Whether the object stands on a textured floor, mostly with a wall, for cycles."""
    fov_min_deg: float | None = Field(default=None, gt=1.0, lt=120.0)
    """Minimum field of view in degrees; null: render.fov_deg."""
    fov_max_deg: float | None = Field(default=None, gt=1.0, lt=120.0)
    """Maximum field of view in degrees; null: render.fov_deg."""
    distance_min: float = Field(default=1.0, ge=1.0, le=10.0)
    """Minimum distance of the camera, relative to the one at which the object's bounding sphere appears as large as
    with render.fov_deg and render.camera_distance."""
    distance_max: float = Field(default=1.0, ge=1.0, le=10.0)
    """Maximum of this distance."""
    off_centre: Fraction = 0.0
    """Maximum shift of the object from the image's centre, as a fraction of the room beside the object."""
    roll_deg: float = Field(default=0.0, ge=0.0, le=45.0)
    """Maximum roll of the camera in degrees."""
    occlusion: float = Field(default=0.0, ge=0.0, le=0.5)
    """Maximum fraction of the object that something in front of it covers."""
    mask_error: float = Field(default=0.0, ge=0.0, le=0.1)
    """Maximum shift of the mask's border, in units of the longer side of the object in the image."""
    object_share: float | None = Field(default=None, ge=0.1, le=1.0)
    """Longer side of the object as a fraction of the image's side, to which images are cropped as photographs are;
    null: no crop."""

    @property
    def needs_cycles(self) -> bool:
        """Whether only Cycles can render this variation."""
        return self.suns or self.rooms

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> RenderVariation:
        if (self.fov_min_deg is None) != (self.fov_max_deg is None):
            raise ValueError("expected both fov_min_deg and fov_max_deg, or neither")
        for name, low, high in (
            ("fov", self.fov_min_deg or 0.0, self.fov_max_deg or 0.0),
            ("distance", self.distance_min, self.distance_max),
        ):
            if low > high:
                raise ValueError(f"expected the minimum {name} below the maximum, got {low} to {high}")
        return self
