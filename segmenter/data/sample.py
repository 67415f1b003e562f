"""Read one labelled picture, or count the labels of many.

In:  Samples, which say where a picture, its labels and its scene are, and a LabelRule.
Out: pixels with their class indices; pixels of each class; a hash of a dataset.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.segmenter.data.images import decode_image, image_size
from langseg.segmenter.data.labels import IGNORE, LabelRule

Progress = Callable[[int, int], None]  # pictures done, of how many


@dataclass(frozen=True)
class Sample:
    """One picture. ``labels`` is None where there is no ground truth, ``scene`` ``*`` where it
    is not known; scene names have spaces ("living room")."""

    stem: str
    image: Path
    labels: Path | None
    scene: str


def read_sample(sample: Sample, rule: LabelRule) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Picture [H, W, 3] and class indices [H, W]. Raises: InputError, also when sizes differ."""
    labels = _read_labels(sample, rule)
    image = decode_image(sample.image)
    _check_size(sample, image.shape[:2], labels.shape)
    return image, labels


def count_labels(samples: Sequence[Sample], rule: LabelRule) -> NDArray[np.int64]:
    """Pixels of each class [C + 1], the unlabelled ones last.

    Reads every label file and every picture's header, so that a dataset that would stop a
    training run half way is refused before it starts. Raises: InputError, for the first fault.
    """

    def count(sample: Sample) -> NDArray[np.int64]:
        labels = _read_labels(sample, rule)
        _check_size(sample, image_size(sample.image), labels.shape)
        labels[labels == IGNORE] = rule.num_classes
        return np.bincount(labels.ravel(), minlength=rule.num_classes + 1)

    total = np.zeros(rule.num_classes + 1, np.int64)
    with ThreadPoolExecutor() as pool:
        for counts in pool.map(count, samples):
            total += counts
    return total


def dataset_hash(samples: Iterable[Sample]) -> str:
    """sha256 over stems, scenes and the sizes of the files in bytes; no file is read.

    Raises: InputError, for a file that is not there.
    """
    lines = (
        f"{sample.stem} {sample.scene} {_bytes_of(sample.image)} "
        f"{0 if sample.labels is None else _bytes_of(sample.labels)}"
        for sample in samples
    )
    return sha256_hex("\n".join(lines))


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise InputError(f"{path}: wanted a file of the dataset, got {exc.strerror}") from exc


def _read_labels(sample: Sample, rule: LabelRule) -> NDArray[np.int64]:
    if sample.labels is None:
        raise InputError(f"{sample.image}: wanted a picture with labels, got one without")
    return rule.read(sample.labels)


def _check_size(sample: Sample, image: tuple[int, ...], labels: tuple[int, ...]) -> None:
    if image != labels:
        raise InputError(
            f"{sample.labels}: wanted labels of {image[1]}x{image[0]} like {sample.image}, got "
            f"{labels[1]}x{labels[0]}; labels must not be resized"
        )
