"""Read which scene each picture shows.

In:  a list, "<stem> <scene>" a line, as people and spreadsheets save it; the stems there are.
Out: the scene of each stem that the list knows.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.data.check import Doubt
from langseg.segmenter.data.layouts.base import PICTURE_SUFFIXES, text_of
from langseg.segmenter.data.layouts.pairs import normal_name
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.data.sources import Folder, open_folder

SCENES_FILE = "sceneCategories.txt"


def read_scenes(folder: Folder, stems: Sequence[str]) -> Mapping[str, str]:
    """Scene of each stem, spaces in its name; empty where there is no SCENES_FILE.

    Stem and scene stand apart by a tab, a comma or spaces; the stem may hold spaces itself, have
    its picture's suffix or its folder before it. Raises: InputError, for a line of one word.
    """
    source = folder.file(SCENES_FILE)
    if source is None:
        return {}
    known = {normal_name(stem): stem for stem in stems}
    scenes = {}
    for number, line in enumerate(text_of(source).splitlines(), start=1):
        words = re.sub(r"\t|,(?!_)", " ", normal_name(line)).split()  # ",_" is in a scene
        if not words:
            continue
        if len(words) == 1:
            raise InputError(f"{source} line {number}: wanted '<stem> <scene>', got {line!r}")
        for count in range(len(words) - 1, 0, -1):  # the longest stem, as scenes have no spaces
            stem = known.get(_stem(" ".join(words[:count])))
            if stem is not None or count == 1:
                break
        if stem is not None:
            scenes[stem] = " ".join(words[count:]).replace("_", " ")
    return scenes


def unmatched_scenes(root: Path, samples: Sequence[Sample]) -> Doubt | None:
    """A list of scenes that names hardly any of the pictures: it goes unused without a word."""
    listed = [folder.file(SCENES_FILE) for folder in open_folder(root).within()]
    source = next((file for file in listed if file is not None), None)
    told = sum(sample.scene != ANY_SCENE for sample in samples)
    if source is None or 2 * told >= len(samples):
        return None
    return Doubt(
        "scenes that match no picture",
        f"{source} names the scene of {told} of {counted(len(samples), 'picture')} (not of "
        f"{next(sample.stem for sample in samples if sample.scene == ANY_SCENE)}); see whether its "
        "first column holds their names",
    )


def _stem(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return (stem if suffix.lower() in PICTURE_SUFFIXES else name).rpartition("/")[2]
