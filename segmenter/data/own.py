"""Find the pictures and labels of a dataset of one's own.

In:  folders, zip files, or places in these, of pictures and of label files, or these by name; how
     they are read.
Out: Samples sorted by stem; a split of them that stays as it is when others come.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.drawn import YOLO_SUFFIXES, ClassIds, drawn_pairs
from langseg.segmenter.data.encodings import INDEX, LABEL_SUFFIXES, Encoding
from langseg.segmenter.data.images import Window, page_numbers
from langseg.segmenter.data.layouts.base import PICTURE_SUFFIXES, Found, found_in, pairs_of
from langseg.segmenter.data.layouts.scenes import read_scenes
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.data.sources import Folder, open_folder

ALL_PAGES = "all"
Page = str | None  # a number, ALL_PAGES, or the only one


def own_samples(
    images: Path, labels: Path, *, encoding: Encoding, classes: ClassIds, drawn_in: Path
) -> tuple[Sample, ...]:  # fmt: skip
    """Every picture with its labels, nested folders too; a stem is its name below ``images``.

    Args:
        labels: label files; a JSON, or YOLO's txt files, that are drawn with ``classes``.
        drawn_in: where what is drawn is kept.

    Raises: InputError, for what is missing, and for a picture or label file without a partner.
    """
    pictures = _found(images, PICTURE_SUFFIXES)
    beside = images.absolute() == labels.absolute()
    if labels.suffix.lower() == ".json" or _is_yolo(labels, () if beside else LABEL_SUFFIXES):
        pairs, encoding = drawn_pairs(pictures, labels, classes, drawn_in), INDEX
    elif beside:
        raise InputError(
            f"{images}: wanted pictures and labels in two folders, got one for both; put the "
            "labels in a folder of their own"
        )
    else:
        pairs = pairs_of(pictures, _found(labels, LABEL_SUFFIXES))
    scenes = read_scenes(open_folder(images), [stem for stem, *_ in pairs])
    return tuple(
        Sample(stem, image, label, scenes.get(stem, ANY_SCENE), encoding)
        for stem, image, label in pairs
    )


def listed_samples(
    labels: Mapping[Path, Path], *, classes: ClassIds, drawn_in: Path
) -> tuple[Sample, ...]:  # fmt: skip
    """Each picture with YOLO's txt file of its own; a stem is its name below what they share.

    Raises: as ``own_samples``.
    """
    top = Path(os.path.commonpath([picture.absolute().parent for picture in labels]))
    pictures: dict[str, Path] = {}
    for picture in labels:
        stem = picture.absolute().relative_to(top).with_suffix("").as_posix()
        if (other := pictures.setdefault(stem, picture)) is not picture:
            raise InputError(f"{picture}: wanted one file with this stem, also got {other.name}")
    drawn = {stem: labels[picture] for stem, picture in pictures.items()}
    there = {stem: file for stem, file in drawn.items() if file.is_file()}
    pairs = drawn_pairs(
        Found(Folder(top), pictures, PICTURE_SUFFIXES, {}),
        Found(Folder(next(iter(drawn.values())).parent), there, YOLO_SUFFIXES, {}),
        classes,
        drawn_in,
    )
    return tuple(Sample(stem, image, label, ANY_SCENE) for stem, image, label in pairs)


def read_as(samples: Sequence[Sample], window: Window | None, page: Page) -> tuple[Sample, ...]:
    """The samples, their files read so; of ALL_PAGES each page is one: ``stem_p0``, ``stem_p1``.

    Raises: InputError, for a file whose pages cannot be counted.
    """
    told = [replace(sample, window=window) for sample in samples]
    if page != ALL_PAGES:
        number = None if page is None else int(page)
        return tuple(replace(sample, page=number) for sample in told)
    return tuple(
        replace(sample, stem=f"{sample.stem}_p{number}", page=number)
        for sample in told
        for number in range(len(page_numbers(sample.image)))
    )


def of_split(samples: Sequence[Sample], split: str, val_share: float) -> tuple[Sample, ...]:
    """A share of the samples by the hash of their stems: the same for whoever asks, and for the
    old ones when others come. Raises: InputError, where it leaves a split empty."""

    def is_val(sample: Sample) -> bool:
        return int(sha256_hex(f"val {sample.stem}")[:8], 16) < val_share * 2**32

    kept = tuple(sample for sample in samples if is_val(sample) == (split == "val"))
    if not kept:
        raise InputError(
            f"val_share {val_share:g}: wanted pictures in both splits, got "
            f"{counted(len(samples), 'picture')} and none for {split}; give another share, or "
            "--val-images and --val-labels"
        )
    return kept


def _is_yolo(labels: Path, others: Sequence[str]) -> bool:
    suffixes = (*others, *YOLO_SUFFIXES)
    names = found_in(open_folder(labels), suffixes, nested=True).by_stem.values()
    return bool(names) and all(file.suffix.lower() in YOLO_SUFFIXES for file in names)


def _found(at: Path, suffixes: Sequence[str]) -> Found:
    found = found_in(open_folder(at), suffixes, nested=True)
    if not found.by_stem:
        raise found.nothing()
    return found
