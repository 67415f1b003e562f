"""Lay masks over their picture, with names and a legend.

In:  a picture, class indices [H, W] of it, the names and colours of the classes.
Out: a picture.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.legend import draw_legend, legend_rows
from langseg.segmenter.inference.mask_files import check_mask
from langseg.segmenter.inference.palette import Rgb
from langseg.segmenter.inference.written_names import write_names

_MIN_WIDTH = 640
PANEL_WIDTH, _GAP = 384, 8
_LONGEST_ENLARGED = 2048  # pixels; a narrow strip is not enlarged to what no screen shows
LONGEST = 4096  # pixels; a larger picture is drawn smaller, so that memory is bounded
_OPACITY, _EDGE_OPACITY = 0.55, 0.75
_PAPER = (255, 255, 255)


def overlay(
    image: NDArray[np.uint8],
    mask: NDArray[np.int64],
    names: Sequence[str],
    colours: Sequence[Rgb],
) -> Image.Image:
    """The mask over the image, regions outlined and named, and below it the classes by share.

    Args:
        image: uint8 [H, W, 3]; mask: [H, W] of 0..C-1, or IGNORE, which stays uncoloured.

    Returns: RGB, at least 640 wide (smaller pictures are enlarged, and those with a side above
    LONGEST made smaller).
    """
    drawn = panel(image, mask, names, colours, _MIN_WIDTH)
    width = max(drawn.width, _MIN_WIDTH)
    legend = draw_legend(legend_rows([mask], names, colours), width)
    page = Image.new("RGB", (width, drawn.height + legend.height), _PAPER)
    page.paste(drawn, (0, 0))
    page.paste(legend, (0, drawn.height))
    return page


def side_by_side(
    image: NDArray[np.uint8],
    masks: Mapping[str, NDArray[np.int64]],
    names: Sequence[str],
    colours: Sequence[Rgb],
) -> Image.Image:
    """The image, then each mask over it, with one legend that has a share for each.

    Args: masks: by what they are, such as annotation and prediction; else as for ``overlay``.
    Returns: RGB, each panel at least 384 wide.
    """
    rows = legend_rows(list(masks.values()), names, colours)
    blank = np.full(image.shape[:2], IGNORE, np.int64)
    shown = [blank, *masks.values()]
    panels = [panel(image, mask, names, colours, PANEL_WIDTH) for mask in shown]
    stride = max(panels[0].width, PANEL_WIDTH) + _GAP
    legend = draw_legend(rows, len(panels) * stride - _GAP, list(masks))
    page = Image.new("RGB", (legend.width, panels[0].height + legend.height), _PAPER)
    for place, drawn in enumerate(panels):
        page.paste(drawn, (place * stride, 0))
    page.paste(legend, (0, panels[0].height))
    return page


def panel(
    image: NDArray[np.uint8],
    mask: NDArray[np.int64],
    names: Sequence[str],
    colours: Sequence[Rgb],
    min_width: int,
) -> Image.Image:
    """The mask over the image, regions outlined and named, without a legend.

    Args: min_width: to which a smaller picture is enlarged, as long as its height stays below
    2048 pixels; else as for ``overlay``. No side is above LONGEST.
    """
    check_mask(mask, len(names), lowest=IGNORE)
    if mask.shape != image.shape[:2]:
        raise InputError(f"overlay: wanted a mask of {image.shape[:2]}, got {mask.shape}")
    height, width = mask.shape
    factor = max(1.0, min(min_width / width, _LONGEST_ENLARGED / height))
    factor = min(factor, LONGEST / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    picture = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(np.intp)
        for new, old in zip(reversed(size), mask.shape, strict=True)
    )
    regions = mask[rows[:, None], columns].astype(np.int32)  # the nearest pixel's
    table = np.array([*colours, _PAPER], np.uint8)  # IGNORE, -1, reads the last place
    tinted = Image.blend(picture, Image.fromarray(table[regions]), _OPACITY)
    picture.paste(tinted, mask=Image.fromarray(regions != IGNORE))
    edge = np.zeros(regions.shape, np.uint8)
    edge[:, 1:][regions[:, 1:] != regions[:, :-1]] = round(255 * _EDGE_OPACITY)
    edge[1:][regions[1:] != regions[:-1]] = round(255 * _EDGE_OPACITY)
    picture.paste(_PAPER, mask=Image.fromarray(edge))
    write_names(picture, regions, names)
    return picture
