"""Lights and surface roughness shared by all render engines: a uniform sky and three soft suns.

The lights are fixed in the object frame. Their sum does not overexpose a white surface.
"""

from dataclasses import dataclass

SKY_RADIANCE = 0.48
"""Radiance of the uniform sky, which is also that of a white surface in full shade."""
ROUGHNESS = 0.6
SPECULAR_LEVEL = 0.3


@dataclass(frozen=True)
class Sun:
    """A directional light.

    Attributes:
        azimuth_deg: Azimuth of the sun about +Y, from +Z (front) towards +X.
        elevation_deg: Elevation of the sun above the horizon.
        irradiance: Irradiance of a surface that faces the sun, in W/m^2; a white one reflects ``irradiance / pi``.
        angular_diameter_deg: Angular diameter of the sun, which sets the softness of shadows.
        colour: Linear RGB factors of the irradiance, at most 1.
    """

    azimuth_deg: float
    elevation_deg: float
    irradiance: float
    angular_diameter_deg: float
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


SUNS = (
    Sun(azimuth_deg=-40.0, elevation_deg=50.0, irradiance=1.2, angular_diameter_deg=25.0),
    Sun(azimuth_deg=60.0, elevation_deg=20.0, irradiance=0.5, angular_diameter_deg=40.0),
    Sun(azimuth_deg=175.0, elevation_deg=35.0, irradiance=0.7, angular_diameter_deg=40.0),
)
"""Key, fill and back light."""
