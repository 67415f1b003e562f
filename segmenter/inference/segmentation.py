"""Hold what a model says of one picture.

In:  the picture's pixels, its mask, and the vocabulary that the model was asked with.
Out: the mask, and from it the classes by share, how sure the model is, an overlay, a mask file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.segmenter.inference.mask_files import index_png
from langseg.segmenter.inference.overlay import overlay
from langseg.segmenter.inference.palette import Rgb


@dataclass(frozen=True, eq=False, kw_only=True)
class Segmentation:
    """One picture, segmented.

    ``image`` uint8 [H, W, 3] is the picture as it was looked at, upright and RGB;
    ``mask`` int64 [H, W] holds class indices, 0..C-1: class i is ``names[i]``, the dataset's id
    ``ids[i]``, and drawn in ``colours[i]``; ``confidence`` float [C], see ``scores``;
    ``scenes`` is p(s|g) of each scene of the bank, 0..1 (empty for a head that reads no text), and
    ``g`` [D] the unit scene token, or None.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.int64]
    confidence: NDArray[np.floating]
    names: tuple[str, ...]
    ids: tuple[int, ...]
    colours: tuple[Rgb, ...]
    scenes: Mapping[str, float]
    g: NDArray[np.float32] | None

    @cached_property
    def classes(self) -> dict[str, float]:
        """The classes in the mask, largest first, with their share of the pixels, 0..1."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.names))
        order = np.argsort(-counts, kind="stable")
        return {self.names[i]: float(counts[i] / self.mask.size) for i in order if counts[i]}

    @property
    def scores(self) -> dict[str, float]:
        """How sure the model is of each class in the mask, 0..1: its mean softmax probability over
        the pixels that it won. It is not calibrated, and with few classes it is high."""
        confidence = dict(zip(self.names, self.confidence.tolist(), strict=True))
        return {name: confidence[name] for name in self.classes}

    def overlay(self) -> Image.Image:
        """The mask over the picture, with names and a legend: RGB, at least 640 wide."""
        return overlay(self.image, self.mask, self.names, self.colours)

    def index_png(self) -> bytes:
        """A PNG whose pixel value is the class id; see ``mask_files.index_png``."""
        return index_png(self.mask, self.ids, self.colours)
