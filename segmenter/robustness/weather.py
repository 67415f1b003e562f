"""Fog before a picture.

In:  uint8 [H, W, 3] of any shape, and a generator.
Out: uint8 [H, W, 3].

As ImageNet-C's, whose plasma must be square, a power of two, and no smaller than the picture: here
it is made once at 256 x 256, laid over the long side, and cut.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.segmenter.robustness.camera import Pixels, in_bands

_OCTAVES = 8  # cells of 1/2 to 1/256 of the long side
_PLASMA = 1 << _OCTAVES


def fog(image: Pixels, rng: np.random.Generator, *, thickness: float, decay: float) -> Pixels:
    """White in clouds of a plasma fractal, and all of it brought back to 0..1.

    ImageNet-C takes the brightest pixel for white, which leaves a black picture black; here white
    is white. Args: thickness: of the fog, where white is 1; decay: a cloud of half the size is
    weaker by its square.
    """
    height, width = image.shape[:2]
    long = max(height, width)
    part = (0.0, 0.0, _PLASMA * width / long, _PLASMA * height / long)
    clouds = Image.fromarray(_plasma(rng, decay)).resize(
        (width, height), Image.Resampling.BILINEAR, box=part
    )
    fogged = np.asarray(clouds)[..., None] * np.float32(thickness)
    return in_bands(image, lambda band, rows: (band + fogged[rows]) / np.float32(1 + thickness))


def _plasma(rng: np.random.Generator, decay: float) -> NDArray[np.float32]:
    """[256, 256] of 0..1: octaves of noise, each of half the size and weaker by decay squared."""
    total = np.zeros((_PLASMA, _PLASMA), np.float32)
    for octave in range(1, _OCTAVES + 1):
        grid = rng.uniform(-1, 1, (1 << octave, 1 << octave)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((_PLASMA, _PLASMA), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) * np.float32(decay ** (-2 * octave))
    total -= total.min()
    scaled: NDArray[np.float32] = total / total.max()
    return scaled
