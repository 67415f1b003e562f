"""No distractor is another word for a class, and the ids of those that are added are free."""

from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from langseg.descriptors.controls.other_things import _things, other_things, widened
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

DATASETS = shipped_vocabularies()


def one(name: str, *synonyms: str, definition: str = "", hypernym: str = "") -> Vocabulary:
    entry = ClassEntry(name=name, id=1, synonyms=synonyms, definition=definition)
    hypernyms = {name: hypernym} if hypernym else {}
    return Vocabulary(name="one", classes=(entry,), ignore_ids=(), scenes={}, hypernyms=hypernyms)


def test_things__are_names_of_the_vocabularies_that_ship_each_once():
    shipped = {
        name.casefold()
        for dataset in DATASETS
        for entry in load_vocabulary(dataset).classes
        for name in (entry.name, entry.spoken.name, *entry.synonyms, *entry.prompt_data["synonyms"])
    }
    assert set(_things()) <= shipped
    assert len(_things()) > 400


@pytest.mark.parametrize(
    ("vocabulary", "gone"),
    [
        (one("umbrella"), {"umbrella", "umbrella stand"}),  # another word, and one that says it
        (one("brolly", "umbrellas"), {"umbrella", "umbrella stand"}),
        (one("boat"), {"canoe", "motorboat", "oar", "mast"}),  # kinds and parts
        (one("fishing boat"), {"canoe", "motorboat", "oar", "mast"}),  # it ends in the word
        (one("thing", definition="chair, stool or wardrobe"), {"wardrobe"}),  # it gathers those
        (one("rowing boats"), {"canoe", "motorboat", "oar", "mast"}),
        (one("cello", hypernym="piano"), {"cello", "piano"}),
    ],
)
def test_other_things__are_all_but_words_kinds_and_parts_of_a_class(
    vocabulary: Vocabulary, gone: set[str]
):
    assert set(_things()) - set(other_things(vocabulary, ())) == gone


def test_other_things__are_none_of_the_subclasses_that_are_described():
    assert "grand piano" not in _things()
    assert "piano" not in other_things(one("instrument"), ["pianos", "flute"])
    assert "piano" in other_things(one("instrument"), ["grand piano"])


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("msrc", "canoe motorcycle duck tractor sofa bookcase helmet jacket windmill lighthouse"),
        ("camvid", "tractor motorcycle caravan camel jacket barbed-wire traffic-light windmill"),
        ("coco-panoptic", "sofa bathrobe television newspaper chandelier wardrobe bread duck"),
        ("ade20k", "sofa canoe jacket rabbit briefcase teddy-bear dining-table refrigerator"),
    ],
)
def test_other_things__of_a_shipped_vocabulary_hold_none_of_its_own(dataset: str, words: str):
    found = other_things(load_vocabulary(dataset), ())
    assert not {word.replace("-", " ") for word in words.split()} & set(found)


@pytest.mark.parametrize("dataset", ["msrc", "camvid", "cityscapes", "coco-panoptic", "pascal-voc"])
def test_other_things__are_200_or_more_beside_the_subclasses_of_the_pack_that_ships(dataset: str):
    pack = yaml.safe_load((packs() / f"{dataset}.yaml").read_text("utf-8"))
    subclasses = [name for of in pack.values() for name in of.get("subclasses", ())]
    assert len(other_things(load_vocabulary(dataset), subclasses)) >= 200


def packs() -> Path:
    return Path(str(files("langseg.descriptors"))) / "packs"


def test_widened__has_further_classes_behind_its_own_with_ids_of_no_label():
    vocabulary = load_vocabulary("camvid")  # 0 to 10, and 255 is ignored
    own = [entry.name for entry in vocabulary.classes]
    wide = widened(vocabulary, [*own, "piano", "cello"])
    assert wide.classes[:11] == vocabulary.classes
    assert [(entry.name, entry.id) for entry in wide.classes[11:]] == [
        ("piano", 256), ("cello", 257),
    ]  # fmt: skip
    assert widened(vocabulary, own) == vocabulary


def test_things__stand_under_words_that_do_not_hold_themselves_twice():
    kinds = _things()
    assert not {name for name, of in kinds.items() if max(Counter(of).values()) > 1}
