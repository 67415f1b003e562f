"""Write the names of classes into their regions.

In:  a picture, and the class index of each of its pixels.
Out: the picture, with a name where a class has room for it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from langseg.segmenter.data.labels import IGNORE

_CELLS = 160  # across the picture; places are looked for on a grid of them
_COVERED = 0.9  # share of a name's place that is of its class
_MARGINS = (8, 4, 2, 1, 0.5, 0.2)  # around the name, in heights of a line: the roomiest is taken
_WHITE, _DARK = (255, 255, 255), (20, 20, 22)


def write_names(picture: Image.Image, regions: NDArray[np.int32], names: Sequence[str]) -> None:
    """Write each class's name once, in its roomiest place, none over another.

    Args: picture: RGB, drawn into; regions: [H, W] of 0..C-1, or IGNORE.
    """
    size = min(40, max(13, picture.width // 45))
    font = ImageFont.load_default(size=size)
    draw = ImageDraw.Draw(picture)
    cell = max(4, picture.width // _CELLS)
    grid = regions[cell // 2 :: cell, cell // 2 :: cell]
    free = np.ones(grid.shape, np.bool_)
    present, counts = np.unique(grid[grid != IGNORE], return_counts=True)
    for index in present[np.argsort(-counts, kind="stable")].tolist():
        width, height = font.getlength(names[index]) / cell, size / cell
        place = _roomiest((grid == index) & free, width, height)
        if place is None:
            continue
        x, y = place
        top, left = max(0, round(y - height)), max(0, round(x - width / 2 - 1))
        free[top : round(y + height) + 1, left : round(x + width / 2 + 1) + 1] = False
        draw.text(
            (x * cell, y * cell), names[index], _WHITE, font, anchor="mm",
            stroke_width=max(2, size // 7), stroke_fill=_DARK,
        )  # fmt: skip


def _roomiest(inside: NDArray[np.bool_], width: float, height: float) -> tuple[float, float] | None:
    """The middle (x, y) of a place for a name of this size, in cells; None where there is none."""
    sums = np.pad(inside.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    for margin in _MARGINS:
        w, h = (int(np.ceil(side + 2 * margin * height)) for side in (width, height))
        if h > inside.shape[0] or w > inside.shape[1]:
            continue
        covered = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
        places = np.argwhere(covered >= _COVERED * w * h)
        if len(places):
            middle = places.mean(axis=0)
            y, x = places[np.linalg.norm(places - middle, axis=1).argmin()]
            return float(x + w / 2), float(y + h / 2)
    return None
