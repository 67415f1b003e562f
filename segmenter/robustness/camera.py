"""What a camera, a lens or a file does to a picture: noise, blur, JPEG, few pixels, little light.

In:  uint8 [H, W, 3], and for what is random a generator.
Out: uint8 [H, W, 3], of the same size; values are rounded and clipped, never wrapped.

Lengths are those of a picture whose short side is 224 pixels, ImageNet-C's, and grow with the
picture; noise and JPEG act on pixels as they are stored, as a sensor and a file do.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from langseg.cache.errors import InputError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
SHORT_SIDE = 224  # of ImageNet-C's pictures
_JPEG_SIDE = 65_500  # what libjpeg takes
_BAND = 1 << 20  # pixels that are floats at once: a picture of 64 megapixels stays small


def noise(image: Pixels, rng: np.random.Generator, *, deviation: float) -> Pixels:
    """Gaussian noise on each pixel and channel; ``deviation`` of 0..1."""
    return in_bands(
        image,
        lambda band, _: band + np.float32(deviation) * rng.standard_normal(band.shape, np.float32),
    )


def blur(image: Pixels, rng: np.random.Generator, *, deviation: float) -> Pixels:
    """A Gaussian of ``deviation`` pixels, by Pillow's three box blurs, which take as long however
    wide it is; beyond its edges a picture goes on as its edge."""
    del rng
    sigma = deviation * min(image.shape[:2]) / SHORT_SIDE
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def jpeg(image: Pixels, rng: np.random.Generator, *, quality: int) -> Pixels:
    """Written and read as a JPEG of libjpeg's ``quality``, 1..95, colours at half the resolution.

    Raises: InputError, for a side that JPEG cannot have.
    """
    del rng
    height, width = image.shape[:2]
    if max(height, width) > _JPEG_SIDE:
        raise InputError(
            f"corruption jpeg: wanted sides of at most {_JPEG_SIDE} pixels, got {width}x{height}; "
            "leave jpeg out of --corruptions"
        )
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.array(Image.open(file))


def low_resolution(image: Pixels, rng: np.random.Generator, *, short_side: int) -> Pixels:
    """Shrunk to ``short_side`` pixels (the mean of those that become one) and enlarged again; a
    picture that has no more is as it was."""
    del rng
    height, width = image.shape[:2]
    factor = short_side / min(height, width)
    if factor >= 1:
        return image.copy()
    small = max(1, round(width * factor)), max(1, round(height * factor))
    shrunk = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.array(shrunk.resize((width, height), Image.Resampling.BICUBIC))


def night(
    image: Pixels, rng: np.random.Generator, *, light: float, photons: float, reading: float
) -> Pixels:
    """Less light, and the sensor's noise in it (shot noise and read noise: Foi et al. 2008, TIP).

    Args: light: what is left of it, of 1; photons: of a white pixel by full light; reading:
        deviation of the noise of reading a pixel, in photons.
    """

    def darken(band: Floats, _: slice) -> Floats:
        linear = np.where(band <= 0.04045, band / 12.92, ((band + 0.055) / 1.055) ** 2.4) * light
        deviation = np.sqrt(linear * photons + reading**2) / photons
        seen = linear + deviation * rng.standard_normal(band.shape, np.float32)
        seen = np.clip(seen, 0, 1)
        srgb: Floats = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
        return srgb

    return in_bands(image, darken)


def in_bands(image: Pixels, change: Callable[[Floats, slice], Floats]) -> Pixels:
    """Change a picture of floats in 0..1 some rows at a time, from the top.

    Args: change: of those rows, and which they are.
    """
    step = max(1, _BAND // image.shape[1])
    changed = np.empty_like(image)
    for top in range(0, len(image), step):
        rows = slice(top, top + step)
        changed[rows] = to_bytes(change(image[rows].astype(np.float32) / np.float32(255), rows))
    return changed


def to_bytes(floats: Floats) -> Pixels:
    """0..1 to 0..255, rounded and clipped."""
    return np.rint(np.clip(floats, 0, 1) * 255).astype(np.uint8)
