"""Lay masks over their picture, with a legend.

In:  class indices [H, W] of one picture, with the names and ids of its TextBank.
Out: a picture.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.mask_files import check_mask
from langseg.segmenter.inference.palette import Rgb, class_colour

_MIN_WIDTH = 640
_PANEL_WIDTH, _GAP = 384, 8
_OPACITY = 0.55
_LEGEND_ROWS = 30  # classes named at most; the rest share one line
_INK, _PAPER, _PALE = (28, 28, 30), (255, 255, 255), (120, 120, 124)


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.int64],
    names: Sequence[str],
    ids: Sequence[int],
) -> Image.Image:
    """The mask over the image, regions outlined, and below it the classes by share of pixels.

    Args:
        image: uint8 [H, W, 3]; mask: [H, W] of 0..C-1, or IGNORE, which stays uncoloured.

    Returns: RGB, at least 640 wide (smaller pictures are enlarged).
    """
    check_mask(mask, len(ids), lowest=IGNORE)
    if mask.shape != image.shape[:2]:
        raise InputError(f"overlay: wanted a mask of {image.shape[:2]}, got {mask.shape}")
    tinted = _tint(image, mask, ids, _MIN_WIDTH)
    legend = _legend(_shares(mask, names, ids), tinted.width)
    page = Image.new("RGB", (tinted.width, tinted.height + legend.height), _PAPER)
    page.paste(tinted, (0, 0))
    page.paste(legend, (0, tinted.height))
    return page


def side_by_side(
    image: NDArray[np.uint8],
    masks: Sequence[NDArray[np.int64]],
    names: Sequence[str],
    ids: Sequence[int],
) -> Image.Image:
    """The image, then each mask over it (annotation and prediction, say), with one legend.

    Args: as for ``overlay``. Returns: RGB, each panel at least 384 wide.
    """
    blank = np.full(image.shape[:2], IGNORE, np.int64)
    for mask in masks:
        check_mask(mask, len(ids), lowest=IGNORE)
    panels = [_tint(image, mask, ids, _PANEL_WIDTH) for mask in (blank, *masks)]
    width, height = panels[0].size
    total = len(panels) * (width + _GAP) - _GAP
    legend = _legend(_shares(np.stack(masks), names, ids), total)
    page = Image.new("RGB", (total, height + legend.height), _PAPER)
    for place, panel in enumerate(panels):
        page.paste(panel, (place * (width + _GAP), 0))
    page.paste(legend, (0, height))
    return page


def _tint(
    image: NDArray[np.uint8], mask: NDArray[np.int64], ids: Sequence[int], min_width: int
) -> Image.Image:
    height, width = mask.shape
    factor = max(1.0, min_width / width)
    size = round(width * factor), round(height * factor)
    enlarged = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    picture = np.asarray(enlarged, dtype=np.float32)
    large = Image.fromarray(mask.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    regions = np.asarray(large)
    colours = np.array([class_colour(value) for value in ids], np.float32)[regions]
    labelled = (regions != IGNORE)[:, :, None]
    mixed = np.where(labelled, picture * (1 - _OPACITY) + colours * _OPACITY, picture)
    edge = np.zeros(regions.shape, np.bool_)
    edge[:, 1:] |= regions[:, 1:] != regions[:, :-1]
    edge[1:] |= regions[1:] != regions[:-1]
    mixed[edge] = 0.25 * mixed[edge] + 0.75 * 255
    return Image.fromarray(mixed.astype(np.uint8))


def _shares(
    mask: NDArray[np.int64], names: Sequence[str], ids: Sequence[int]
) -> list[tuple[str, float, Rgb | None]]:
    """(name, share of the pixels, colour) of each class present, largest first."""
    present, counts = np.unique(mask, return_counts=True)
    rows: list[tuple[str, float, Rgb | None]] = []
    for position in np.argsort(-counts, kind="stable"):
        index, share = int(present[position]), float(counts[position] / mask.size)
        if index == IGNORE:
            rows.append(("not labelled", share, None))
        else:
            rows.append((names[index], share, class_colour(ids[index])))
    if len(rows) > _LEGEND_ROWS:
        rest = rows[_LEGEND_ROWS - 1 :]
        label = f"{len(rest)} more classes"
        rows[_LEGEND_ROWS - 1 :] = [(label, sum(share for _, share, _ in rest), None)]
    return rows


def _legend(rows: list[tuple[str, float, Rgb | None]], width: int) -> Image.Image:
    """A panel ``width`` wide: swatch, name and share of each row, in columns read downwards."""
    size = min(40, max(15, width // 50))
    font = ImageFont.load_default(size=size)
    pad, line = size * 3 // 4, size * 7 // 4
    labels = [f"{share:.1%}" if share >= 0.001 else "< 0.1%" for _, share, _ in rows]
    name_width = max(font.getlength(name) for name, _, _ in rows)
    share_width = max(font.getlength(label) for label in labels)
    cell = 2 * size + name_width + size + share_width + 2 * size
    columns = max(1, min(len(rows), int((width - 2 * pad + 2 * size) // cell)))
    depth = -(-len(rows) // columns)
    stride = (width - 2 * pad) / columns
    panel = Image.new("RGB", (width, 2 * pad + depth * line), _PAPER)
    draw = ImageDraw.Draw(panel)
    for place, ((name, _, colour), label) in enumerate(zip(rows, labels, strict=True)):
        x, y = pad + place // depth * stride, pad + place % depth * line + line / 2
        swatch = (x, y - size / 2, x + 1.3 * size, y + size / 2)
        draw.rounded_rectangle(swatch, size / 4, fill=colour, outline=colour or _PALE)
        draw.text((x + 2 * size, y), name, _INK, font, anchor="lm")
        draw.text((x + 3 * size + name_width, y), label, _PALE, font, anchor="lm")
    return panel
