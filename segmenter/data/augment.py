"""Change a training picture at random, as a pure function of (seed, epoch, index).

In:  uint8 [H, W, 3] and its class indices [H, W].
Out: one crop x crop pair; labels move with the picture and never blend.

The steps and ranges are mmsegmentation's ADE20K recipe. Everything runs in Pillow and numpy
on uint8, so the result does not depend on how many threads or workers made it.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2 import functional as F  # noqa: N812

from langseg.segmenter.data.images import keep_ratio_size
from langseg.segmenter.data.labels import IGNORE

CAT_MAX_RATIO = 0.75  # a crop in which one class covers more is drawn again
CROP_TRIES = 10
PAD_RGB = (124, 116, 104)  # ImageNet mean: near zero once a backbone has normalised it
_STREAM = 2  # keeps these random numbers apart from those of the sample order
Window = tuple[int, int, int, int]  # top, left, height, width
Id = TypeVar("Id", bound=np.integer)


def augment(
    image: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    crop: int,
    seed: int,
    epoch: int,
    index: int,
    scale: tuple[float, float] = (0.5, 2.0),
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Scale, crop, flip, change the light, pad.

    Args:
        image: [H, W, 3]; labels: [H, W] of 0..C-1 or IGNORE.
        crop: side of the square result, in pixels.
        scale: bounds of the random factor on the size that has its short side at ``crop``
            (long side at most 4 x ``crop``).

    Returns: [crop, crop, 3] and [crop, crop]; bottom and right are padded where the scaled
    picture is smaller, with PAD_RGB and IGNORE.
    """
    rng = np.random.default_rng((_STREAM, seed, epoch, index))
    ratio = rng.uniform(*scale)
    height, width = labels.shape
    size = keep_ratio_size(height, width, round(crop * ratio), round(4 * crop * ratio))
    window, cut_labels = _choose_window(labels, size, crop, rng)
    cut = change_light(cut_image(image, size, window), rng)
    if rng.random() < 0.5:
        cut, cut_labels = cut[:, ::-1], cut_labels[:, ::-1]
    out = np.empty((crop, crop, 3), np.uint8)
    out[:] = PAD_RGB
    out_labels = np.full((crop, crop), IGNORE, np.int64)
    out[: window[2], : window[3]] = cut
    out_labels[: window[2], : window[3]] = cut_labels
    return out, out_labels


def _choose_window(
    labels: NDArray[np.int64], size: tuple[int, int], crop: int, rng: np.random.Generator
) -> tuple[Window, NDArray[np.int64]]:
    """A window of the scaled picture, and its labels; the last try stands, however uniform."""
    height, width = min(crop, size[0]), min(crop, size[1])
    for _ in range(CROP_TRIES):
        top = int(rng.integers(size[0] - height + 1))
        left = int(rng.integers(size[1] - width + 1))
        window = (top, left, height, width)
        cut = cut_labels(labels, size, window)
        counts = np.bincount(cut[cut != IGNORE])
        if np.count_nonzero(counts) > 1 and counts.max() < CAT_MAX_RATIO * counts.sum():
            break
    return window, cut


def cut_labels(labels: NDArray[Id], size: tuple[int, int], window: Window) -> NDArray[Id]:
    """Labels of a window of the map scaled to ``size``: the nearest pixel, never a mixture."""
    top, left, height, width = window
    rows = ((np.arange(top, top + height) + 0.5) * labels.shape[0] / size[0]).astype(np.int64)
    columns = ((np.arange(left, left + width) + 0.5) * labels.shape[1] / size[1]).astype(np.int64)
    cut: NDArray[Id] = labels[rows[:, None], columns]
    return cut


def cut_image(image: NDArray[np.uint8], size: tuple[int, int], window: Window) -> Image.Image:
    """The same window of the picture scaled to ``size``; only the window is computed."""
    top, left, height, width = window
    y, x = image.shape[0] / size[0], image.shape[1] / size[1]
    box = (left * x, top * y, min((left + width) * x, image.shape[1]),
           min((top + height) * y, image.shape[0]))  # fmt: skip
    return Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box)


def change_light(image: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Brightness, contrast, saturation and hue, each changed half of the time."""
    changes: tuple[tuple[Callable[[Image.Image, float], Image.Image], float, float], ...] = (
        (F.adjust_brightness, 0.75, 1.25),
        (F.adjust_contrast, 0.75, 1.25),
        (F.adjust_saturation, 0.75, 1.25),
        (F.adjust_hue, -0.05, 0.05),  # 0.05 of the colour circle is 18 degrees
    )
    for change, low, high in changes:
        amount = rng.uniform(low, high)
        if rng.random() < 0.5:
            image = change(image, amount)
    return np.asarray(image)
