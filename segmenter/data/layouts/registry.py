"""Find the pictures and labels of a dataset folder.

In:  the name of a layout, a folder or zip file, and a split.
Out: Samples sorted by stem.

A new dataset is one new file beside this one, listed here, a vocabulary of the same name
(``descriptors/vocabulary``), and its name in ``pipelines/seg/settings.py``.
"""

from pathlib import Path

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.ade20k import ADE20K
from langseg.segmenter.data.layouts.ade20k_full import ADE20K_FULL
from langseg.segmenter.data.layouts.base import SPLITS, Layout
from langseg.segmenter.data.layouts.camvid import CAMVID
from langseg.segmenter.data.layouts.cityscapes import CITYSCAPES
from langseg.segmenter.data.layouts.coco_panoptic import COCO_PANOPTIC
from langseg.segmenter.data.layouts.coco_stuff import COCO_STUFF
from langseg.segmenter.data.layouts.msrc import MSRC
from langseg.segmenter.data.layouts.pascal import (
    PASCAL_CONTEXT,
    PASCAL_CONTEXT_459,
    PASCAL_VOC,
    PASCAL_VOC_21,
)
from langseg.segmenter.data.sample import Sample

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        ADE20K, ADE20K_FULL, CAMVID, CITYSCAPES, COCO_PANOPTIC, COCO_STUFF, MSRC, PASCAL_CONTEXT,
        PASCAL_CONTEXT_459, PASCAL_VOC, PASCAL_VOC_21,
    )
}  # fmt: skip


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
