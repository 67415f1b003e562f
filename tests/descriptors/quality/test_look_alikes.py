"""Which classes each class is tried against, and the texts that stand for a class."""

from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.quality.look_alikes import (
    LOOK_ALIKES,
    class_texts,
    find_look_alikes,
    meaning_text,
)
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

D = 48


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def vocabulary(*names: str, synonyms: dict[str, tuple[str, ...]] | None = None) -> Vocabulary:
    entries = tuple(
        ClassEntry(name=name, id=i, synonyms=(synonyms or {}).get(name, ()))
        for i, name in enumerate(names, 1)
    )
    return Vocabulary(name="v", classes=entries, ignore_ids=(0,), scenes={})


def test_look_alikes__leave_out_synonyms_and_classes_that_share_a_name():
    angles = np.array([0.0, 0.1, 0.9, 1.0, 1.4])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    shared = {"settee": ("sofa", "couch"), "seat": ("couch",)}
    words = vocabulary("settee", "divan", "seat", "chair", "rug", synonyms=shared)
    (first, *_) = find_look_alikes(words, vectors, k=3)
    assert first.tolist() == [3, 4]  # divan has a cosine of 0.995, seat is called couch, too


def test_look_alikes__that_are_named_come_first_however_far_and_leave_chance_the_same():
    angles = np.array([0.0, 0.6, 0.7, 0.8, 1.5, 0.01])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    words = vocabulary(*"abcdef")
    plain = find_look_alikes(words, vectors, k=3)
    named = replace(words, look_alikes={"a": ("e", "f"), "e": ("a",), "f": ("a",)})
    found = find_look_alikes(named, vectors, k=3)
    assert plain[0].tolist() == [1, 2, 3]
    assert found[0].tolist() == [4, 5, 1]  # f is all but a synonym by its name
    assert found[1].tolist() == plain[1].tolist()
    assert find_look_alikes(named, vectors, k=1)[0].tolist() == [4, 5]  # all that are named


def test_look_alikes__of_ade20k_are_what_people_confuse():
    ade = load_vocabulary("ade20k")
    rng = np.random.default_rng(0)  # an encoder that knows no word
    found = find_look_alikes(ade, unit(rng.normal(size=(len(ade.classes), D))))
    names = [entry.name for entry in ade.classes]
    tried = {(name, names[r]) for name, rows in zip(names, found, strict=True) for r in rows}
    for group in (
        ("wall", "building"),
        ("sofa", "armchair", "seat"),
        ("path", "road", "sidewalk"),
        ("river", "lake", "sea", "water"),
        ("cabinet", "wardrobe", "chest of drawers"),
    ):
        assert set(permutations(group, 2)) <= tried
    assert {len(rows) for rows in found} == {LOOK_ALIKES}


def test_class_texts__are_names_and_meanings_each_once():
    entries = (
        ClassEntry(name="crane", id=1, synonyms=("hoist",), definition="a  machine"),
        ClassEntry(name="sky", id=2),
    )
    words = Vocabulary(name="v", classes=entries, ignore_ids=(0,), scenes={})
    assert class_texts(words) == ("crane, hoist", "crane, hoist: a machine", "sky")


def test_meaning_text__holds_synonyms_and_definition():
    entry = ClassEntry(name="crane", id=1, synonyms=("hoist",), definition="a machine")
    assert meaning_text(entry) == "crane, hoist: a machine"
