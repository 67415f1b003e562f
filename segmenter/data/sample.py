"""Read one labelled picture.

In:  Samples, which say where a picture, its labels and its scene are, and a LabelRule.
Out: pixels with their class indices; hashes of a dataset.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.segmenter.data.encodings import INDEX, Encoding, RawLabels, read_raw
from langseg.segmenter.data.images import (
    Window,
    decode_image,
    exif_orientation,
    image_size,
    turned,
)
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sources import Source, size_of

OnProgress = Callable[[str, int, int], object]  # what is done, how many times, of how many


def unheard(phase: str, done: int, total: int) -> None:
    """The ``OnProgress`` of who does not listen."""


@dataclass(frozen=True)
class Sample:
    """One picture. ``labels`` is None where there is no ground truth, ``scene`` ``*`` where it
    is not known; scene names have spaces ("living room").

    ``encoding``: how its label file stores ids; ``window``: the values of a grey picture that are
    black and white; ``page``: of files that hold several, counted from 0.
    """

    stem: str
    image: Source
    labels: Source | None
    scene: str
    encoding: Encoding = INDEX
    window: Window | None = None
    page: int | None = None


def read_sample(sample: Sample, rule: LabelRule) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Picture [H, W, 3], upright, and class indices [H, W].

    Labels that were drawn on the picture as its file stores it are turned with it.
    Raises: InputError, also when sizes differ.
    """
    labels = rule.classes_of(raw_labels(sample).ids, sample.labels)
    image = read_picture(sample)
    return image, fitted_labels(sample, image.shape[:2], labels)


def read_picture(sample: Sample) -> NDArray[np.uint8]:
    """[H, W, 3], upright, its values read as the sample says. Raises: InputError."""
    return decode_image(sample.image, window=sample.window, page=sample.page)


def picture_size(sample: Sample) -> tuple[int, int]:
    """(H, W) of ``read_picture``, from the header alone. Raises: InputError."""
    return image_size(sample.image, page=sample.page)


def read_labels(sample: Sample, rule: LabelRule) -> NDArray[np.int64]:
    """Class indices [H, W] as ``read_sample`` gives them, of the picture only its header read."""
    labels = rule.classes_of(raw_labels(sample).ids, sample.labels)
    return fitted_labels(sample, picture_size(sample), labels)


def raw_labels(sample: Sample) -> RawLabels:
    """The ids of a sample's label file as it stores them. Raises: InputError, where it has none."""
    if sample.labels is None:
        raise InputError(f"{sample.image}: wanted a picture with labels, got one without")
    return read_raw(sample.labels, sample.encoding, sample.page)


def dataset_hash(samples: Iterable[Sample]) -> str:
    """sha256 over stems, scenes, how they are read, and the sizes of the label files in bytes; no
    file is read, and a picture may be repaired.

    Raises: InputError, for a file that is not there.
    """
    lines = (
        f"{sample.stem} {sample.scene} "
        f"{0 if sample.labels is None else size_of(sample.labels)}{_read_as(sample)}"
        for sample in samples
    )
    return sha256_hex("\n".join(lines))


def pictures_hash(samples: Iterable[Sample]) -> str:
    """sha256 over the sizes of the pictures' files in bytes. Raises: as ``dataset_hash``."""
    return sha256_hex("\n".join(str(size_of(sample.image)) for sample in samples))


def _read_as(sample: Sample) -> str:
    if sample.window is None and sample.page is None and sample.encoding == INDEX:
        return ""
    return f" {_words_of(sample.encoding)} {sample.window} {sample.page}"


@lru_cache(maxsize=1)
def _words_of(encoding: Encoding) -> str:
    """The same for a dataset's samples, mostly."""
    return sha256_hex(repr(encoding))


def fitted_labels(
    sample: Sample, size: tuple[int, ...], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Labels of the upright picture's ``size``: as they are, or turned with a picture whose file is
    turned. Raises: InputError, for any other size."""
    if size == labels.shape:
        return labels
    if size == labels.shape[::-1] and (turn := exif_orientation(sample.image)) >= 5:
        return turned(labels, turn).astype(np.int64)
    raise InputError(
        f"{sample.labels}: wanted labels of {size[1]}x{size[0]} like {sample.image}, got "
        f"{labels.shape[1]}x{labels.shape[0]}; labels must not be resized"
    )
