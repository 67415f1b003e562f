"""Say what the views of a picture are: the picture itself, its mirror image, and changed ones.

In:  a picture's size and the hash of its file, the number of a view, the side it is read at.
Out: a View; the pixels and the labels of it.

A view is a pure function of these: every run, process and machine means the same by it, and a
picture keeps its views whatever dataset holds it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from langseg.segmenter.data.augment import Id, Window, change_light, cut_image, cut_labels
from langseg.segmenter.data.images import size_in_units

PLAIN, MIRRORED = 0, 1
_STREAM = 3  # keeps these random numbers apart from those of order, augmentation and windows


@dataclass(frozen=True)
class View:
    """``window`` of the picture scaled to ``size`` (height, width), then another light where
    ``light`` is the seed of one, then its mirror image."""

    size: tuple[int, int]
    window: Window
    mirrored: bool = False
    light: tuple[int, ...] | None = None


def view_of(
    number: int, digest: str, height: int, width: int, *, side: int, unit: int,
    scale: tuple[float, float],
) -> View:  # fmt: skip
    """View ``number`` of a picture of ``height`` x ``width`` whose file has the sha256 ``digest``.

    Args:
        side: short side in pixels of PLAIN and MIRRORED; all sides become multiples of ``unit``.
        scale: least and greatest random factor on ``side`` for all other views, which are cut to
            the size of the plain one where they are larger, so that none takes more bytes.
    """
    whole = size_in_units(height, width, side, unit)
    if number in (PLAIN, MIRRORED):
        return View(whole, (0, 0, *whole), number == MIRRORED)
    seed = (_STREAM, number, int(digest[:16], 16))
    rng = np.random.default_rng(seed)
    size = size_in_units(height, width, max(1, round(side * rng.uniform(*scale))), unit)
    high, wide = min(size[0], whole[0]), min(size[1], whole[1])
    top, left = int(rng.integers(size[0] - high + 1)), int(rng.integers(size[1] - wide + 1))
    return View(size, (top, left, high, wide), bool(rng.random() < 0.5), (*seed, 1))


def view_pixels(image: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """[H, W, 3] to the view's pixels [h, w, 3]."""
    cut = cut_image(image, view.size, view.window)
    pixels = np.array(cut)
    if view.light is not None:
        pixels = np.array(change_light(cut, np.random.default_rng(view.light)))
    return np.ascontiguousarray(pixels[:, ::-1]) if view.mirrored else pixels


def view_labels(labels: NDArray[Id], view: View) -> NDArray[Id]:
    """[H, W] to the view's labels [h, w]: the nearest pixel's, never a mixture."""
    cut = cut_labels(labels, view.size, view.window)
    return cut[:, ::-1] if view.mirrored else cut
