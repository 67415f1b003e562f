"""Make pictures small enough to be part of a page.

In:  a picture.
Out: the same within so many pixels; the bytes of a JPEG.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def within(pixels: NDArray[np.uint8], longest: int) -> Image.Image:
    """The picture, its longer side at most ``longest``."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest))
    return image


def jpeg(image: Image.Image) -> bytes:
    """Of a quality at which lines and letters stay sharp."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, optimize=True)
    return file.getvalue()
