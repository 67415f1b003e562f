"""The folders and the label values of COCO panoptic (133 classes), which come in two forms.

    official  {train,val}2017/*.jpg  annotations/panoptic_{train,val}2017/*.png and .json
    ids       images/{training,validation}/*.jpg  annotations/{training,validation}/*.png

In the official PNG red + 256 green + 65536 blue is a segment, of which the JSON has the category;
0 is not labelled, and a crowd is its category. In the other form the grey value is the category's
id (1..200), 0 not labelled. The vocabulary has the official ids (``descriptors/vocabulary``).
"""

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from langseg.cache.errors import InputError
from langseg.segmenter.data.encodings import Encoding, SegmentValues
from langseg.segmenter.data.layouts.ade20k import TRAIN, VAL
from langseg.segmenter.data.layouts.base import Layout, Place
from langseg.segmenter.data.sources import Folder


def read_segments(at: str, folder: Folder) -> Mapping[str, Encoding]:
    """The segments of each picture, by its stem. Raises: InputError."""
    source = folder.file(at)
    if source is None:
        raise InputError(f"{folder}/{at}: wanted the JSON of the panoptic PNGs, found none")

    def small(item: dict[str, Any]) -> object:
        """A segment as its two numbers, while the file is read: train2017 has 1.3 million."""
        return (item["id"], item["category_id"]) if "category_id" in item else item

    try:
        annotations = json.loads(source.read_bytes(), object_hook=small)["annotations"]
        return {
            os.path.splitext(one["file_name"])[0]: SegmentValues(
                np.array(one["segments_info"], np.uint32).reshape(-1, 2).tobytes()
            )
            for one in annotations
        }
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as exc:
        raise InputError(f"{source}: wanted COCO panoptic annotations, got {exc!r:.200}") from exc


def _official(split: str) -> list[Place]:
    return [
        Place(
            images=images,
            labels=f"{folder}panoptic_{split}",
            read_encodings=partial(read_segments, f"{folder}panoptic_{split}.json"),
        )
        for images in (split, f"images/{split}")
        for folder in ("annotations/", "")
    ]


COCO_PANOPTIC = Layout(
    name="coco-panoptic",
    places={"train": [*_official("train2017"), TRAIN], "val": [*_official("val2017"), VAL]},
)
