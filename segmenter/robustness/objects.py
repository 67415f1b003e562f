"""Things before the objects of a picture, and things behind them: occlusion and clutter.

In:  uint8 [H, W, 3], its class indices [H, W], and a generator.
Out: uint8 [H, W, 3], and the class indices, IGNORE where something now hides what is labelled.

What a pixel that is hidden would be is nobody's to see, so it is not scored: the scores are of
what can still be seen of an occluded object, and of objects before a cluttered background.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.regions import background_and_objects
from langseg.segmenter.robustness.camera import Pixels

Labels = NDArray[np.int64]


def occlusion(
    image: Pixels, labels: Labels, rng: np.random.Generator, *, hidden: float
) -> tuple[Pixels, Labels]:
    """An ellipse before each object, round one of its pixels, of the proportions of its bounding
    box, and just large enough to hide the share ``hidden`` of its pixels."""
    worse, truth = image.copy(), labels.copy()
    _, objects = background_and_objects(labels)
    for region in objects:
        rows, columns = np.nonzero(region.inside)
        middle = int(rng.integers(len(rows)))
        sides = region.inside.shape
        apart = np.hypot((rows - rows[middle]) / sides[0], (columns - columns[middle]) / sides[1])
        reach = float(np.sort(apart)[int(np.ceil(hidden * len(apart))) - 1])
        y, x = region.box[0].start + rows[middle], region.box[1].start + columns[middle]
        window, inside = _ellipse(labels.shape, int(y), int(x), reach * sides[0], reach * sides[1])
        worse[window][inside] = _cloth(inside.shape, rng)[inside]
        truth[window][inside] = IGNORE
    return worse, truth


def clutter(
    image: Pixels, labels: Labels, rng: np.random.Generator, *, hidden: float,
    least: float, most: float,
) -> tuple[Pixels, Labels]:  # fmt: skip
    """Round pieces of the picture itself, from anywhere in it, over its background, until they
    hide the share ``hidden`` of it; no object is touched.

    Args: least, most: radius of a piece, of 1 for the picture's short side; at least one pixel.
    """
    worse, truth = image.copy(), labels.copy()
    background, _ = background_and_objects(labels)
    free = np.zeros(labels.shape, np.bool_)
    for region in background:
        free[region.box] |= region.inside
    places = np.flatnonzero(free)
    to_hide = int(hidden * len(places))
    short = min(labels.shape)
    while to_hide > 0:
        y, x = divmod(int(places[rng.integers(len(places))]), labels.shape[1])
        if not free[y, x]:
            continue
        radius = np.maximum(rng.uniform(least, most, 2) * short, 1)
        window, inside = _ellipse(labels.shape, y, x, *radius)
        inside &= free[window]
        top, left = (
            int(rng.integers(whole - part + 1))
            for whole, part in zip(labels.shape, inside.shape, strict=True)
        )
        piece = image[top : top + inside.shape[0], left : left + inside.shape[1]]
        worse[window][inside] = piece[:, :: 1 if rng.random() < 0.5 else -1][inside]
        truth[window][inside] = IGNORE
        free[window] &= ~inside
        to_hide -= int(inside.sum())
    return worse, truth


def _ellipse(
    size: tuple[int, ...], y: int, x: int, up: float, across: float
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """The rows and columns that hold an ellipse, cut at the picture's edge, and its pixels there;
    its middle is always one."""
    rows = slice(max(0, int(y - up)), min(size[0], int(y + up) + 2))
    columns = slice(max(0, int(x - across)), min(size[1], int(x + across) + 2))
    down = (np.arange(rows.start, rows.stop) - y) / max(up, 1e-6)
    along = (np.arange(columns.start, columns.stop) - x) / max(across, 1e-6)
    return (rows, columns), down[:, None] ** 2 + along**2 <= 1 + 1e-6


def _cloth(size: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """A texture of two colours that run into each other."""
    colours = rng.integers(0, 256, (2, 3))
    grid = Image.fromarray(rng.random((6, 6), dtype=np.float32))
    wide = grid.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    share = np.asarray(wide)[..., None]
    mixed: NDArray[np.float64] = colours[0] * (1 - share) + colours[1] * share
    return np.rint(mixed).astype(np.uint8)
