"""Find the connected regions of a label map, and which of them are objects.

In:  class indices [H, W], 0..C-1 or IGNORE.
Out: regions, largest first: the background, then the objects.

A label map has no instances, so an object is what can be seen of one: pixels of one class that
touch, corners included; two cars side by side are one. The largest regions that together make up
half of the labelled pixels are the background, whatever their class: what is an object and what
is not differs from dataset to dataset, and from picture to picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from langseg.segmenter.data.labels import IGNORE

BACKGROUND = 0.5  # of the labelled pixels
LEAST_OBJECT = 0.001  # of the picture; what is smaller is a speck, neither object nor background
_TOUCHING = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class that touch: ``inside`` bool [h, w], in the rows and columns ``box``."""

    label: int
    area: int
    box: tuple[slice, slice]
    inside: NDArray[np.bool_]


def background_and_objects(labels: NDArray[np.int64]) -> tuple[list[Region], list[Region]]:
    """The regions that are background, and those that are objects, each largest first."""
    labelled = int((labels != IGNORE).sum())
    background: list[Region] = []
    covered = 0
    regions = _regions(labels, LEAST_OBJECT * labels.size)
    for region in regions:
        if covered >= BACKGROUND * labelled:
            break
        background.append(region)
        covered += region.area
    return background, regions[len(background) :]


def region_areas(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels [H, W] of the region that each pixel is in; 0 where it is not labelled."""
    areas = np.zeros(labels.shape, np.int64)
    for label, box in _boxes(labels):
        parts, _ = ndimage.label(labels[box] == label, _TOUCHING)
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        areas[box] += sizes[parts]
    return areas


def _regions(labels: NDArray[np.int64], least: float) -> list[Region]:
    found = []
    for label, (rows, columns) in _boxes(labels):
        parts, _ = ndimage.label(labels[rows, columns] == label, _TOUCHING)
        sizes = np.bincount(parts.ravel())
        for number, box in enumerate(ndimage.find_objects(parts), start=1):
            if sizes[number] >= least:
                place = tuple(
                    slice(outer.start + inner.start, outer.start + inner.stop)
                    for outer, inner in zip((rows, columns), box, strict=True)
                )
                found.append(
                    Region(label, int(sizes[number]), (place[0], place[1]), parts[box] == number)
                )
    return sorted(found, key=lambda region: -region.area)  # stable: ties stay as they are found


def _boxes(labels: NDArray[np.int64]) -> list[tuple[int, tuple[slice, slice]]]:
    """The classes of a map, each with the rows and columns that hold it."""
    boxes = ndimage.find_objects(labels + 1)  # IGNORE is 0, which is nothing
    return [(label, box) for label, box in enumerate(boxes) if box is not None]
