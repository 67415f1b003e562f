"""Find the pictures and labels of a dataset folder.

In:  the name of a layout, a folder, and a split.
Out: Samples sorted by stem.

A new dataset is one new file beside this one, listed here, and a vocabulary of the same name
(``descriptors/vocabulary``).
"""

from pathlib import Path

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.ade20k import ADE20K
from langseg.segmenter.data.layouts.base import SPLITS, Layout
from langseg.segmenter.data.layouts.camvid import CAMVID
from langseg.segmenter.data.sample import Sample

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (ADE20K, CAMVID)}


def find_samples(layout: str, root: Path, split: str) -> tuple[Sample, ...]:
    """All labelled pictures of a split, sorted by stem; pairs are made by stem.

    Raises: InputError, for an unknown layout or split, a missing or empty folder, a picture
    without labels, labels without a picture, or two pictures with one stem.
    """
    if layout not in LAYOUTS or split not in SPLITS:
        raise InputError(
            f"dataset: wanted a layout of {', '.join(LAYOUTS)} and a split of {', '.join(SPLITS)}, "
            f"got layout {layout!r} and split {split!r}"
        )
    return LAYOUTS[layout].samples(root, split)
