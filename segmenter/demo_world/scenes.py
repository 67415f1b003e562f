"""One picture of the demo dataset from its number.

In:  a seed, a split, an index and a size.
Out: the picture, its label map, its scene and the looks in sight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.segmenter.demo_world import indoor, outdoor
from langseg.segmenter.demo_world.canvas import Canvas
from langseg.segmenter.demo_world.looks import SCENES

DEMO_SPLITS = ("training", "validation")


@dataclass(frozen=True)
class DemoPicture:
    """``rgb`` uint8 [H, W, 3]; ``labels`` uint8 [H, W], ADE20K ids, 0 unlabelled."""

    rgb: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    scene: str
    looks: dict[str, list[str]]


_OPEN_AIR: dict[str, Callable[[Canvas], str]] = {
    "street": outdoor.street,
    "park": outdoor.park,
    "beach": outdoor.beach,
    "mountain": outdoor.mountain,
}
_ROOMS: dict[str, Callable[[Canvas], bool]] = {
    "bedroom": indoor.bedroom,
    "living room": indoor.living_room,
    "kitchen": indoor.kitchen,
    "bathroom": indoor.bathroom,
}


def render_picture(seed: int, split: str, index: int, size: tuple[int, int]) -> DemoPicture:
    """Draw picture ``index`` of a split at ``size`` (W, H); scenes take turns.

    Everything comes from (seed, split, index): the two splits never share a picture, and a
    split of more pictures begins with the pictures of a smaller one.
    """
    rng = np.random.Generator(np.random.PCG64([seed, DEMO_SPLITS.index(split), index]))
    scene = SCENES[index % len(SCENES)]
    if scene in _ROOMS:
        canvas = Canvas(size, indoor.indoor_camera(rng), rng)
        light = "daylight" if _ROOMS[scene](canvas) else "evening"
    else:
        canvas = Canvas(size, outdoor.outdoor_camera(rng), rng)
        light = _OPEN_AIR[scene](canvas)
    _grade(canvas, light)
    return DemoPicture(canvas.picture(), canvas.labels(), scene, canvas.looks())


_TINTS = {
    "daylight": (1.03, 1.02, 1.0),
    "evening": (0.93, 0.83, 0.72),
    "clear sky": (1.04, 1.02, 0.98),
    "cloudy sky": (1.0, 1.0, 1.0),
    "overcast sky": (0.93, 0.95, 0.97),
    "sunset sky": (1.02, 0.86, 0.8),
}


def _grade(canvas: Canvas, light: str) -> None:
    """Colour of the light, exposure, darker corners, sensor noise."""
    rng = canvas.rng
    exposure = rng.uniform(0.92, 1.08)
    canvas.rgb *= np.asarray(_TINTS[light], np.float32) * np.float32(exposure)
    y = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None, :]
    canvas.rgb *= (1 - 0.09 * (x * x + y * y))[..., None]
    canvas.rgb += rng.standard_normal(
        (canvas.height, canvas.width, 1), dtype=np.float32
    ) * np.float32(2.2)
