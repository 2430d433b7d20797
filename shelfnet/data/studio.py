"""The studio that every image is taken in, whatever engine takes it: an even sky and three soft suns.

The lights stand fixed in the object frame. Their sum stays below what burns a white surface out.
"""

from dataclasses import dataclass

SKY_RADIANCE = 0.48
"""Radiance of the even light from all around: what a white surface sends back in full shade."""
ROUGHNESS = 0.6
SPECULAR_LEVEL = 0.3


@dataclass(frozen=True)
class Sun:
    """A directional light.

    Attributes:
        azimuth_deg: where it stands about +Y, from +Z (front) towards +X.
        elevation_deg: above the horizon.
        irradiance: on a surface that faces it, in W/m^2; a white one sends back ``irradiance / pi``.
        angular_diameter_deg: softness of its shadows.
    """

    azimuth_deg: float
    elevation_deg: float
    irradiance: float
    angular_diameter_deg: float


SUNS = (
    Sun(azimuth_deg=-40.0, elevation_deg=50.0, irradiance=1.2, angular_diameter_deg=25.0),
    Sun(azimuth_deg=60.0, elevation_deg=20.0, irradiance=0.5, angular_diameter_deg=40.0),
    Sun(azimuth_deg=175.0, elevation_deg=35.0, irradiance=0.7, angular_diameter_deg=40.0),
)
"""Key, fill and back light."""
