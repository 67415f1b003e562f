"""Settle which classes are plausible in which scenes, where need be by counting in pictures.

In:  a ``Source`` and its vocabulary; perhaps a labelled dataset, which needs the segmenter's eyes.
Out: the vocabulary with those (scene, class) pairs; the scenes an LLM is yet to be asked about.
"""

import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE
from langseg.descriptors.vocabulary.source import Source

if TYPE_CHECKING:
    from langseg.descriptors.vocabulary.scene_list import Scenes
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary
    from langseg.segmenter.data.sample import Sample

PLAUSIBLE_SHARE = 0.05  # of a scene's pictures that must show a class
COUNTS = "scenes"  # folder of the store where counts are kept


def known_scenes(source: Source, vocabulary: "Vocabulary") -> "tuple[Vocabulary, tuple[str, ...]]":
    """The vocabulary with the pairs that are known, and the scenes whose classes are not.

    Raises: InputError, for scenes that cannot be read or counted.
    """
    from langseg.descriptors.vocabulary.scene_list import known_and_unknown, wanted_scenes

    if source.scenes_from is not None:
        scenes = counted_scenes(source.scenes_from, vocabulary, source.store)
    else:
        scenes = wanted_scenes(source.scenes, vocabulary)
    return known_and_unknown(vocabulary, scenes, source.max_scenes)


def counted_scenes(root: Path, vocabulary: "Vocabulary", store_path: Path) -> "Scenes":
    """Scenes by their number of pictures, each with the classes that enough of them show.

    A scene has the name that the vocabulary has for it, where it has one.

    Raises: InputError, for a folder that is no ADE20K layout or tells no scene.
    """
    from langseg.cache.files import make_folder, write_atomic
    from langseg.cache.keys import canonical_json, sha256_hex
    from langseg.descriptors.vocabulary.validation import name_problem
    from langseg.segmenter.data.layouts.registry import find_samples
    from langseg.segmenter.data.sample import dataset_hash

    split = "train" if (root / "images" / "training").is_dir() else "val"
    samples = [
        replace(sample, scene=vocabulary.scene_of(sample.scene))
        for sample in find_samples("ade20k", root, split)
        if sample.scene != ANY_SCENE
    ]
    if not samples:
        raise InputError(
            f"{root}: wanted pictures whose scenes sceneCategories.txt tells, got none; put that "
            "file in this folder, or give --scenes FILE"
        )
    for scene in dict.fromkeys(sample.scene for sample in samples):
        if problem := name_problem(scene):
            raise InputError(f"{root}: sceneCategories.txt: wanted scenes' names, got {problem}")
    ids = [(entry.id, entry.name) for entry in vocabulary.classes]
    what = {"dataset": dataset_hash(samples), "ids": ids, "at": PLAUSIBLE_SHARE}
    kept_at = store_path / COUNTS / f"{sha256_hex(canonical_json(what))[:32]}.json"
    counted = _kept_count(kept_at, {name for _, name in ids})
    if counted is None:
        counted = _count(samples, vocabulary)
        if store_path.is_dir():  # to say what would be asked is no reason to make a store
            make_folder(kept_at.parent)
            write_atomic(kept_at, json.dumps(counted, ensure_ascii=False).encode())
    return counted


def _kept_count(path: Path, names: set[str]) -> "Scenes | None":
    """A count that was kept; None for none, and for anything that cannot be one."""
    try:
        document = json.loads(path.read_bytes())
        counted = {scene: tuple(classes) for scene, classes in document.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None
    return counted if all(set(classes) <= names for classes in counted.values()) else None


def _count(samples: "list[Sample]", vocabulary: "Vocabulary") -> "Scenes":
    import numpy as np

    from langseg.segmenter.data.labels import LabelRule
    from langseg.segmenter.data.sample import raw_labels

    rule = LabelRule([entry.id for entry in vocabulary.classes], vocabulary.ignore_ids)
    names = [entry.name for entry in vocabulary.classes]

    def shown(sample: "Sample") -> list[str]:
        labels = rule.classes_of(raw_labels(sample).ids, sample.labels)
        return [names[index] for index in np.unique(labels) if index >= 0]

    pictures = Counter(sample.scene for sample in samples)
    seen: dict[str, Counter[str]] = {scene: Counter() for scene in pictures}
    with ThreadPoolExecutor() as threads:
        for sample, classes in zip(samples, threads.map(shown, samples), strict=True):
            seen[sample.scene].update(classes)
    return {
        scene: tuple(plausible)
        for scene, count in pictures.most_common()
        if (plausible := _plausible(seen[scene], PLAUSIBLE_SHARE * count, names))
    }


def _plausible(seen: Mapping[str, int], at_least: float, names: list[str]) -> list[str]:
    return [name for name in names if seen.get(name, 0) >= max(at_least, 1)]
