"""What is flagged in kept phrases, and what is not."""

from importlib.resources import files

import numpy as np
import pytest
import yaml

from langseg.cache.records import ANY_SCENE, NAME_SLOT
from langseg.descriptors.bank.build import Phrase
from langseg.descriptors.phrases.contradictions import contradictions
from langseg.descriptors.quality.flags import (
    RULES,
    coverage,
    near_duplicates,
    text_flags,
    wrong_senses,
)
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

PACKS = sorted(
    file.name.removesuffix(".yaml")
    for file in files("langseg.descriptors").joinpath("packs").iterdir()
)


def vocabulary(*names: str) -> Vocabulary:
    entries = tuple(ClassEntry(name=name, id=i) for i, name in enumerate(names, 1))
    scenes = {"kitchen": names[:1], "office": names}
    return Vocabulary(name="v", classes=entries, ignore_ids=(0,), scenes=scenes)


def phrase(text: str, slot: str = "shape", owner: str = "", scene: str = ANY_SCENE) -> Phrase:
    return Phrase(text, slot, owner, scene)


def reasons(*phrases: Phrase, cut: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    flags = text_flags(vocabulary("wall"), {"wall": phrases}, cut)
    return {(flag.reason, flag.text) for flag in flags}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("high walls of stone", "names_class"),
        ("a sweet smell of resin", "not_visual"),
        ("used for keeping food cold", "not_visual"),
        ("an endangered species of bird", "not_visual"),
        ("a long handle with a", "cut_off"),
        ("плоская серая панель", "not_english"),
    ],
)
def test_flag__names_what_one_phrase_shows(text, reason):
    assert reasons(phrase(text)) == {(reason, text)}


@pytest.mark.parametrize(
    "text",
    ["pale sound planks with knots", "strap to hang it by", "glass front fitted for a shelf",
     "grain running to both ends", "sheet music on the stand"],
)  # fmt: skip
def test_flag__spares_words_that_only_look_like_a_fault(text):
    assert reasons(phrase(text)) == set()


def test_flag__of_a_class_with_nothing_but_its_name_is_empty():
    assert reasons(phrase("wall", NAME_SLOT)) == {("empty", "")}


def test_flag__truncated_is_what_the_encoder_cut():
    assert reasons(phrase("flat upright side"), cut=("flat upright side",)) == {
        ("truncated", "flat upright side")
    }


def test_flag__duplicate_is_the_same_but_for_case_and_full_stop():
    assert reasons(phrase("flat grey side"), phrase("Flat grey side.")) == {
        ("duplicate", "Flat grey side.")
    }


def test_flag__shared_needs_more_than_three_classes():
    names = ("chair", "table", "dog", "cat")
    words = vocabulary(*names)
    for count, flagged in ((3, 0), (4, 4)):
        phrases = {name: [phrase("on four legs")] for name in names[:count]}
        found = [flag for flag in text_flags(words, phrases) if flag.reason == "shared"]
        assert len(found) == flagged


def test_flag__contradictory_is_within_one_slot_scene_and_subclass():
    rough, smooth = "rough grey face", "smooth white face"
    assert ("contradictory", smooth) in reasons(phrase(rough, "texture"), phrase(smooth, "texture"))
    assert not reasons(phrase(rough, "texture"), phrase(smooth, "texture", owner="plaster"))
    assert not reasons(phrase(rough, "texture"), phrase(smooth, "texture", scene="kitchen"))
    assert not reasons(phrase(rough, "texture"), phrase(smooth, "material"))


def test_contradictions__of_parts_need_the_same_part():
    assert list(contradictions("part", ["long legs", "short legs below"])) == [
        ("long legs", "short legs below", "long", "short")
    ]
    assert not list(contradictions("part", ["long legs", "short tail"]))
    assert not list(contradictions("texture", ["smooth or rough bark", "rough bark"]))


def test_near_duplicates__names_each_phrase_that_was_said_already_once():
    vectors = np.array([[1, 0], [0, 1], [0.95, 0.312], [0.99, 0.141]], np.float32)
    texts = ["tall tap", "round bowl", "high tap", "a tall tap"]
    found = [(flag.text, flag.detail) for flag in near_duplicates("sink", texts, vectors)]
    assert found == [("high tap", "0.95 to tall tap"), ("a tall tap", "0.99 to tall tap")]


def test_wrong_sense__is_found_where_two_lists_were_swapped():
    rng = np.random.default_rng(0)
    meanings = rng.normal(size=(20, 32)).astype(np.float32)
    meanings /= np.linalg.norm(meanings, axis=1, keepdims=True)
    means = 0.4 * meanings + 0.5  # all phrases have much in common
    names = [f"class {i}" for i in range(20)]
    assert wrong_senses(names, means, means.mean(axis=0), meanings) == ()
    means[[2, 3]] = means[[3, 2]]
    flags = wrong_senses(names, means, means.mean(axis=0), meanings)
    assert flags is not None
    assert {flag.class_name for flag in flags} == {"class 2", "class 3"}
    assert flags[0].detail.endswith("to class 3")


def test_wrong_sense__is_not_asked_of_a_handful_of_classes():
    few = np.eye(5, dtype=np.float32)
    assert wrong_senses(list("abcde"), few[::-1], few.mean(axis=0), few) is None


def test_coverage__counts_slots_scenes_and_subclasses():
    rows = [
        phrase("wall", NAME_SLOT), phrase("brick wall", NAME_SLOT, "brick wall"),
        phrase("flat side"), phrase("red rows", "colour", "brick wall"),
        phrase("white tiles", "material", scene="kitchen"),
    ]  # fmt: skip
    found = coverage(vocabulary("wall", "sky"), {"wall": rows})
    assert (found["wall"].phrases, found["wall"].subclasses) == (3, 1)
    assert (found["wall"].scenes, found["wall"].plausible) == (1, 2)
    assert found["wall"].missing_slots == ("texture", "part", "size", "position", "context")
    assert found["sky"].phrases == 0


def test_coverage__misses_no_slot_in_a_set_that_names_none():
    found = coverage(vocabulary("wall"), {"wall": [phrase("flat side", "any")]})
    assert found["wall"].missing_slots == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKS)
def test_bundled_pack__has_no_flag_that_its_texts_show(name):
    assert list(text_flags(load_vocabulary(name), packed(name))) == []


def test_rules__name_every_reason_in_words():
    assert all(len(rule.split()) > 5 for rule in RULES.values())


def packed(name: str) -> dict[str, list[Phrase]]:
    """The phrases of a pack, without the way through a store."""
    path = files("langseg.descriptors").joinpath("packs", f"{name}.yaml")
    found: dict[str, list[Phrase]] = {}
    for class_name, entry in yaml.safe_load(path.read_text("utf-8")).items():
        lists = [("", ANY_SCENE, entry["attributes"])]
        lists += [(sub, ANY_SCENE, one) for sub, one in (entry.get("subclasses") or {}).items()]
        lists += [("", scene, one) for scene, one in (entry.get("scenes") or {}).items()]
        found[class_name] = [
            Phrase(text, slot, owner, scene)
            for owner, scene, items in lists
            for item in items
            for slot, text in item.items()
        ]
    return found
