"""Write masks as PNG files that people and tools can read.

In:  class indices [H, W] of one picture, with the ids and colours of the classes.
Out: an index PNG whose pixel values are the dataset's ids.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.inference.palette import Rgb


def index_png(mask: NDArray[np.int64], ids: Sequence[int], colours: Sequence[Rgb]) -> bytes:
    """A PNG whose pixel value is the class id: palette mode up to id 255, else 16-bit grey.

    The mode depends on ``ids`` and not on the mask, so a folder of masks has one. Values that are
    no id are black in the palette.
    Args: mask: [H, W] of 0..C-1. Raises: InputError, for other values.
    """
    check_mask(mask, len(ids), lowest=0)
    values = np.asarray(ids)[mask]
    if max(ids) > 255:
        return encode_png(Image.fromarray(values.astype(np.uint16)))
    picture = Image.fromarray(values.astype(np.uint8))
    palette = np.zeros((256, 3), np.uint8)
    palette[list(ids)] = colours
    picture.putpalette(palette.tobytes())
    return encode_png(picture)


def encode_png(picture: Image.Image) -> bytes:
    """PNG bytes of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def check_mask(mask: NDArray[np.int64], num_classes: int, lowest: int) -> None:
    """Raises: InputError, unless it is [H, W] of ``lowest``..C-1, at least one pixel."""
    if mask.ndim != 2 or mask.size == 0 or mask.min() < lowest or mask.max() >= num_classes:
        raise InputError(f"mask: wanted [H, W] of {lowest}..{num_classes - 1}, got {mask!r:.80}")
