"""Each control arm takes away what it says it takes away, and nothing else."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import pytest

from langseg.cache.keys import text_id
from langseg.cache.records import ANY_SCENE, NAME_SLOT
from langseg.descriptors.bank.build import Phrase, bank_texts, build_bank
from langseg.descriptors.controls.arm_texts import BankPhrases, Lists
from langseg.descriptors.controls.arm_words import TEMPLATES, WORDS
from langseg.descriptors.controls.arms import RULES, Arm, cut_arms, derive_arms, other_arm
from langseg.descriptors.controls.seeded_draws import number, repeated, shuffled, spread
from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

SCENES = ("kitchen", "street", "forest")
SEEDED = [name for name, rule in RULES.items() if rule.seeded]
SAME_PLACES = ("templates", "random", "named-random", "dealt", "swapped", "scrambled")
WITH_CLASSES = {"distractors-50": 50, "distractors-200": 200, "random-negatives": 50}
AT_CHANCE = ("names", "random", "named-random", "dealt", "swapped")  # where names mean nothing
ABOVE = {"real": 0.95, "name-free": 0.95, "scrambled": 0.5}  # scrambled words are all there
SYLLABLES = ("ba", "dro", "ki", "lum", "no", "pex", "ri", "sto", "vu", "zan")


def nonsense(count: int) -> list[str]:
    """Names of three syllables that no encoder has a sense for."""
    return ["".join(parts) for parts in itertools.islice(shuffled_triples(), count)]


def shuffled_triples() -> list[tuple[str, ...]]:
    return shuffled(itertools.product(SYLLABLES, repeat=3), "names")


def made_bank(classes: int = 30, seed: int = 0, scenes: tuple[str, ...] = SCENES) -> BankPhrases:
    """Classes of 3 to 14 phrases, some said of several classes, some bound to a scene; every other
    one has a synonym, and all are of two kinds."""
    names, others = nonsense(classes), nonsense(2 * classes)[classes:]
    plausible: dict[str, list[str]] = {scene: [] for scene in scenes}
    phrases = {}
    for place, name in enumerate(names):
        rows = [Phrase(name, NAME_SLOT, "", ANY_SCENE)]
        rows.append(Phrase(f"soft {name}", NAME_SLOT, f"soft {name}", ANY_SCENE))
        rows.append(Phrase(f"seam along a soft {name}", "part", f"soft {name}", ANY_SCENE))
        for k in range(number(seed, name) % 12 + 1):
            words = " ".join(
                f"w{number(seed, name, k, n) % 400}" for n in range(2 + (place + k) % 6)
            )
            shared = "flat on top" if (place + k) % 9 == 0 else words
            rows.append(Phrase(shared, "shape", "", ANY_SCENE))
        for scene in scenes[: place % 4]:
            plausible[scene].append(name)
            rows.append(Phrase(f"{scene} look {place} one", "context", "", scene))
            rows.append(Phrase(f"{scene} look {place} two", "colour", "", scene))
        phrases[name] = tuple({row.text: row for row in reversed(rows)}.values())[::-1]
    vocabulary = Vocabulary(
        name="made",
        classes=tuple(
            ClassEntry(name=name, id=i + 1, synonyms=(others[i],) * (i % 2 == 0))
            for i, name in enumerate(names)
        ),
        ignore_ids=(0, 255),
        scenes={scene: tuple(found) for scene, found in plausible.items()},
        hypernyms={name: ("gadget", "gizmo")[i % 2] for i, name in enumerate(names)},
    )
    return BankPhrases(vocabulary, phrases)


def derived(bank: BankPhrases, seeds: int = 1) -> dict[tuple[str, int | None], Arm]:
    arms, _ = derive_arms(bank, "m", range(seeds))
    return {(arm.name, arm.seed): arm for arm in arms}


def lists(bank: BankPhrases, name: str, seed: int = 0) -> Lists:
    return RULES[name].make(bank, seed)


def texts(rows: tuple[Phrase, ...]) -> list[str]:
    return [row.text for row in rows]


def word_counts(phrases: Lists) -> list[int]:
    return [len(row.text.split()) for rows in phrases.values() for row in rows[1:]]


def test_draws__mean_the_same_on_every_machine():
    assert number("seed", 0) == int(hashlib.sha256(b'["seed",0]').hexdigest()[:16], 16)
    assert "".join(shuffled("abcdef", 7)) == "dbaefc"


def test_spread__has_the_shape_of_its_list_after_few_values():
    values = [1] * 50 + [4] * 30 + [9] * 20
    drawn = Counter(itertools.islice(spread(values, 3), 20))
    assert all(abs(drawn[value] - share) <= 1 for value, share in ((1, 10), (4, 6), (9, 4)))
    assert list(spread([], 3)) == list(repeated([])) == []


@pytest.mark.parametrize("name", SAME_PLACES)
def test_arm__has_a_text_for_each_of_the_bank_in_the_same_scene_and_the_name_first(name: str):
    bank = made_bank()
    arm = lists(bank, name)
    for of, rows in bank.phrases.items():
        assert [row.scene for row in arm[of]] == [row.scene for row in rows]
        assert arm[of][0] == rows[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDED)
def test_arm__is_fixed_by_its_seed_and_another_seed_makes_another(name: str):
    assert lists(made_bank(), name) == lists(made_bank(), name)
    assert lists(made_bank(), name, 1) != lists(made_bank(), name, 2)


def test_arms__all_say_something_different():
    arms = [str(arm.phrases) for arm in derived(made_bank(), seeds=3).values()]
    assert len(set(arms)) == len(arms) == 1 + len(RULES) + 2 * len(SEEDED)


def test_arms__name_the_model_only_where_it_wrote_a_word():
    quoting = {arm.name for arm in derived(made_bank()).values() if arm.model}
    assert quoting == {
        "real", "dealt", "swapped", "scrambled", "scene-shuffled", "name-free", *WITH_CLASSES
    }  # fmt: skip


def test_arms__of_one_class_without_scenes_leave_out_what_cannot_be():
    arms, left_out = derive_arms(made_bank(classes=1, scenes=()), "m", [0])
    assert left_out == {
        "dealt": "it needs 2 classes that are described",
        "swapped": "it needs 2 classes that are described",
        "scene-prefix": "it needs 1 scene",
        "scene-shuffled": "it needs 2 scenes",
        "synonyms": "it needs 3 classes with a synonym",
    }
    assert len(arms) == 1 + len(RULES) - len(left_out)


@pytest.mark.parametrize("name", ["templates", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_filler__is_as_long_as_the_bank(name: str, seed: int):
    bank = made_bank(seed=seed)
    assert mean(word_counts(lists(bank, name, seed))) == pytest.approx(
        mean(bank.word_counts), abs=0.6
    )


def test_templates__are_80_that_hold_the_name_once():
    assert len(set(TEMPLATES)) == 80
    assert {template.count("{}") for template in TEMPLATES} == {1}


def test_templates__are_the_same_for_all_classes_and_each_is_used_before_one_returns():
    arm = lists(made_bank(), "templates")
    longest = max(arm, key=lambda name: len(arm[name]))
    used = [text.replace(longest, "{}") for text in texts(arm[longest])[1:]]
    assert len(set(used)) == len(used)
    assert set(used) <= set(TEMPLATES)
    for name, rows in arm.items():
        assert texts(rows)[1:] == [one.replace("{}", name) for one in used][: len(rows) - 1]


def test_templates__return_where_a_class_has_more_phrases_than_there_are():
    many = tuple(Phrase(f"text {n}", "shape", "", ANY_SCENE) for n in range(200))
    small = made_bank(classes=2)
    bank = BankPhrases(
        small.vocabulary, {name: rows[:1] + many for name, rows in small.phrases.items()}
    )
    for rows in lists(bank, "templates").values():
        assert set(Counter(texts(rows)[1:]).values()) == {2, 3}


def test_random__words_are_shared_by_all_classes_and_say_nothing_of_them():
    bank = made_bank()
    arm = lists(bank, "random")
    longest = max(map(texts, arm.values()), key=len)[1:]
    assert all(texts(rows)[1:] == longest[: len(rows) - 1] for rows in arm.values())
    assert all(set(text.split()) <= set(WORDS) for text in longest[::2])
    real = {word for rows in bank.phrases.values() for text in texts(rows) for word in text.split()}
    assert not real & {word for text in longest[::2] for word in text.split()}
    assert not set(WORDS) & {word for text in longest[1::2] for word in text.split()}


def test_named_random__is_the_name_before_the_same_random_words_of_the_banks_word_counts():
    bank = made_bank()
    plain, named = lists(bank, "random"), lists(bank, "named-random")
    for name, rows in plain.items():
        for text, whole in zip(texts(rows)[1:], texts(named[name])[1:], strict=True):
            words = whole.removeprefix(f"{name}, which has ").split()
            assert words == text.split()[: max(1, len(text.split()) - 3)]  # names are of one word


def entries(*rows: tuple[str, tuple[str, ...]], **fields: Any) -> BankPhrases:
    """Classes with synonyms, of which only the names are said."""
    classes = tuple(ClassEntry(name=n, id=i, synonyms=s) for i, (n, s) in enumerate(rows))
    vocabulary = Vocabulary(name="v", classes=classes, ignore_ids=(), scenes={}, **fields)
    more = tuple(Phrase(f"text {n}", "shape", "", ANY_SCENE) for n in range(2))
    phrases = {name: (Phrase(name, NAME_SLOT, "", ANY_SCENE), *more) for name, _ in rows}
    return BankPhrases(vocabulary, phrases)


def test_synonyms__say_a_class_by_no_word_that_another_class_is_called_by():
    bank = entries(
        ("car", ("auto", "motor car")), ("land", ("ground",)), ("earth", ("ground", "soil")),
        ("buffet", ("counter",)), ("counter", ()), ("bus", ("a", "b", "c", "d")),
    )  # fmt: skip
    said = {name: texts(rows) for name, rows in lists(bank, "synonyms").items()}
    assert said == {
        "car": ["auto", "motor car"], "land": ["land"], "earth": ["soil"], "buffet": ["buffet"],
        "counter": ["counter"], "bus": ["a", "b", "c"],  # no more than the bank has texts
    }  # fmt: skip


def test_hypernyms__say_a_class_by_the_broader_word_alone_where_there_is_one():
    bank = entries(("car", ()), ("sky", ()), hypernyms={"car": "vehicle"})
    said = {name: texts(rows) for name, rows in lists(bank, "hypernyms").items()}
    assert said == {"car": ["vehicle"], "sky": ["sky"]}
    _, left_out = derive_arms(entries(("car", ())), "m", [0])
    assert left_out["hypernyms"] == "it needs a vocabulary that has hypernyms"


@pytest.mark.parametrize("name", WITH_CLASSES)
@pytest.mark.parametrize("seed", range(3))
def test_arm_with_further_classes__has_the_bank_first_and_then_only_names(name: str, seed: int):
    bank = made_bank()
    arm = lists(bank, name, seed)
    assert list(arm)[:30] == list(bank.phrases)
    assert all(arm[of] == rows for of, rows in bank.phrases.items())
    more = {of: texts(rows) for of, rows in list(arm.items())[30:]}
    assert len(more) == WITH_CLASSES[name]
    assert all(said == [of] for of, said in more.items())


def test_distractors__of_the_longer_arm_begin_with_those_of_the_shorter():
    bank = made_bank()
    for seed in range(3):
        few, many = lists(bank, "distractors-50", seed), lists(bank, "distractors-200", seed)
        assert list(few) == list(many)[: len(few)]


def test_random_negatives__are_half_words_half_characters_as_long_as_names_and_never_one():
    bank = entries(("Doubt", ("advice",)), ("stop sign", ()), ("sky", ()), ("sea", ()))
    names = list(lists(bank, "random-negatives"))[4:]
    assert sum(set(name.split()) <= set(WORDS) for name in names) == 25
    assert sum(len(name.split()) == 2 for name in names) in range(11, 15)  # as one name in four
    everyday = entries(*((word.upper(), ()) for word in WORDS[:200]))
    more = list(lists(everyday, "random-negatives"))[200:]
    assert len(more) == 50
    assert not {word.upper() for word in more} & set(everyday.phrases)


def test_scene_prefix__goes_through_the_scenes_plausible_ones_first():
    bank = made_bank()
    for name, rows in lists(bank, "scene-prefix").items():
        assert len(rows) == len(bank.phrases[name])
        plausible = [scene for scene in SCENES if name in bank.vocabulary.scenes[scene]]
        scenes = [row.scene for row in rows[1:]]
        assert set(scenes[: len(plausible)]) == set(plausible[: len(scenes)])
        assert max(Counter(scenes).values()) - min(Counter(scenes).values()) <= 1
        assert texts(rows)[1:] == [f"a photo of a {scene}: {name}" for scene in scenes]


@pytest.mark.parametrize("seed", range(6))
def test_dealt__keeps_all_descriptors_and_leaves_none_with_a_class_it_is_of_or_names(seed: int):
    bank = made_bank(seed=seed)
    arm = lists(bank, "dealt", seed)
    assert Counter(t for rows in arm.values() for t in texts(rows)) == Counter(
        t for rows in bank.phrases.values() for t in texts(rows)
    )
    wrong = {
        name: [t for t in texts(arm[name])[1:] if t in texts(rows) or name in t]
        for name, rows in bank.phrases.items()
    }
    last = list(bank.phrases)[-2:]  # the deck may hold nothing else at its end
    assert not any(found for name, found in wrong.items() if name not in last)


@pytest.mark.parametrize("classes", [2, 3, 9, 10, 30])
@pytest.mark.parametrize("seed", range(3))
def test_swapped__leaves_no_class_a_text_of_its_own(classes: int, seed: int):
    bank = made_bank(classes, seed)
    arm = lists(bank, "swapped", seed)
    for name, rows in bank.phrases.items():
        assert not set(texts(rows)) & set(texts(arm[name])[1:])


def test_swapped__takes_the_whole_list_of_a_class_with_a_similar_count():
    bank = made_bank(classes=60)
    for rows in lists(bank, "swapped").values():
        shares = Counter(
            other
            for text in texts(rows)[1:]
            for other, theirs in bank.phrases.items()
            if text != "flat on top" and text in texts(theirs)
        )
        donor, share = shares.most_common(1)[0]
        assert abs(len(bank.phrases[donor]) - len(rows)) <= 4
        assert share >= min(len(rows), len(bank.phrases[donor])) - 2


def test_swapped__gives_lists_in_a_circle_that_leaves_no_class_out():
    bank = made_bank(classes=17)  # 8 and 9, not 8, 8 and one alone
    equal = {name: rows[:3] for name, rows in bank.phrases.items()}
    arm = lists(BankPhrases(bank.vocabulary, equal), "swapped")
    donors = [rows[1].owner.removeprefix("soft ") for rows in arm.values()]
    assert sorted(donors) == sorted(equal)
    assert all(donor != name for donor, name in zip(donors, arm, strict=True))


def test_swapped__repeats_a_list_that_is_too_short_for_a_vocabulary_of_two():
    small = made_bank(classes=2)
    (one, rows), (other, theirs) = small.phrases.items()
    more = tuple(Phrase(f"text {n}", "shape", "", ANY_SCENE) for n in range(7))
    bank = BankPhrases(small.vocabulary, {one: rows[:1] + more, other: theirs[:3]})
    assert texts(lists(bank, "swapped")[one])[1:] == (texts(theirs[1:3]) * 4)[:7]


def test_scrambled__keeps_the_words_and_the_word_counts_of_a_class():
    bank = made_bank()
    arm = lists(bank, "scrambled")
    for name, rows in bank.phrases.items():
        was, now = texts(rows)[1:], texts(arm[name])[1:]
        assert [len(text.split()) for text in was] == [len(text.split()) for text in now]
        assert Counter(" ".join(was).split()) == Counter(" ".join(now).split())
        assert was != now


def test_scene_shuffled__binds_every_scene_text_to_a_wrong_scene_and_moves_nothing_else():
    bank = made_bank()
    arm = lists(bank, "scene-shuffled")
    for name, rows in bank.phrases.items():
        assert texts(arm[name]) == texts(rows)
        pairs = {(was.scene, now.scene) for was, now in zip(rows, arm[name], strict=True)}
        assert all((was == now) == (was == ANY_SCENE) for was, now in pairs)
        assert len({was for was, _ in pairs}) == len({now for _, now in pairs}) == len(pairs)


def test_name_free__says_neither_the_class_nor_its_synonyms_nor_its_subclasses():
    rows = [
        Phrase("wall", NAME_SLOT, "", ANY_SCENE),
        Phrase("brick wall", NAME_SLOT, "brick wall", ANY_SCENE),
        Phrase("red blocks", "texture", "brick wall", ANY_SCENE),
        Phrase("higher than brick walls", "size", "", ANY_SCENE),
        Phrase("partition of a room", "shape", "", ANY_SCENE),
        Phrase("tiles", "material", "", "kitchen"),
    ]
    classes = (ClassEntry(name="wall", id=1, synonyms=("partition",)), ClassEntry(name="sky", id=2))
    vocabulary = Vocabulary(
        name="two", classes=classes, ignore_ids=(), scenes={"kitchen": ("wall",)}
    )
    sky = (Phrase("sky", NAME_SLOT, "", ANY_SCENE),)
    arm = lists(BankPhrases(vocabulary, {"wall": tuple(rows), "sky": sky}), "name-free")
    assert texts(arm["wall"]) == ["red blocks", "tiles"] * 3  # as many as there were
    assert arm["sky"] == sky


def test_swapped__takes_no_text_that_names_the_class():
    bank = made_bank(classes=9)
    (name, rows), *others = bank.phrases.items()
    contexts = tuple(replace(row, text=f"beside a {name}") for row in others[0][1][1:2])
    phrases = dict(bank.phrases) | {other: (*theirs, *contexts) for other, theirs in others}
    for seed in range(8):
        arm = lists(BankPhrases(bank.vocabulary, phrases), "swapped", seed)
        assert f"beside a {name}" not in texts(arm[name])


def test_cut__has_of_each_class_as_many_of_the_banks_own_as_an_imported_set():
    bank = made_bank()
    few = {name: rows[: 1 + n % 4] for n, (name, rows) in enumerate(bank.phrases.items())}
    imported = other_arm(bank, few, "import:x")
    first, second = cut_arms(bank, imported, "m", [0, 1])
    assert (first.name, first.seed, first.model) == ("cut:imported:x", 0, "m")
    assert first.phrases != second.phrases
    for name, rows in bank.phrases.items():
        assert len(first.phrases[name]) == min(len(few[name]), len(rows))
        assert first.phrases[name][0] == rows[0]
        assert set(first.phrases[name]) <= set(rows)


def test_imported__has_no_more_texts_of_a_class_than_the_bank():
    bank = made_bank()
    more = tuple(Phrase(f"text {n}", "shape", "", ANY_SCENE) for n in range(9))
    arm = other_arm(
        bank, {name: rows[:1] + more for name, rows in bank.phrases.items()}, "import:x"
    )
    assert (arm.name, arm.model, arm.seed) == ("imported:x", "import:x", None)
    assert other_arm(bank, bank.phrases, "x").name == "generated:x"  # an LLM may have that name
    assert all(len(arm.phrases[name]) == min(10, len(bank.phrases[name])) for name in bank.phrases)


def attribute_bank() -> tuple[BankPhrases, list[str]]:
    """60 nonsense names, each of its own colour, pattern and shape; and a caption of each."""
    colours = ("red", "blue", "green", "yellow", "purple")
    patterns = ("striped", "dotted", "marbled", "woven")
    shapes = ("triangle", "sphere", "cylinder")
    names = nonsense(60)
    triples = shuffled(itertools.product(colours, patterns, shapes), "triples")
    phrases = {
        name: (
            Phrase(name, NAME_SLOT, "", ANY_SCENE),
            Phrase(f"{colour} all over its surface", "colour", "", ANY_SCENE),
            Phrase(f"{pattern} pattern from end to end", "texture", "", ANY_SCENE),
            Phrase(f"outline of a {shape}", "shape", "", ANY_SCENE),
        )
        for name, (colour, pattern, shape) in zip(names, triples, strict=True)
    }
    vocabulary = Vocabulary(
        name="nonsense",
        classes=tuple(ClassEntry(name=name, id=i + 1) for i, name in enumerate(names)),
        ignore_ids=(),
        scenes={},
    )
    return BankPhrases(vocabulary, phrases), [f"a {c} {p} {s}" for c, p, s in triples]


def accuracies(bank: BankPhrases, captions: list[str]) -> Mapping[str, float]:
    """Of each arm: how many captions are nearest to the mean text of their own class."""
    arms = [arm for arm in derive_arms(bank, "m", [0])[0] if arm.name in {*AT_CHANCE, *ABOVE}]
    wanted = {text for arm in arms for text in bank_texts(bank.vocabulary, arm.phrases)}
    spoken = sorted({*wanted, *captions})
    encoder = load_encoder("minilm", device="cpu")
    vectors = dict(zip(spoken, encoder.encode(spoken)[0], strict=True))
    rows = {text_id(text): vector.astype(np.float16) for text, vector in vectors.items()}
    asked = np.stack([vectors[caption] for caption in captions])
    found = {}
    for arm in arms:
        made = build_bank(bank.vocabulary, arm.phrases, rows, encoder.record, model="", manifest="")
        classes = (made.emb.astype(np.float32) * made.weight[..., None]).sum(axis=1)
        classes /= np.linalg.norm(classes, axis=1, keepdims=True)
        found[arm.name] = float(
            ((asked @ classes.T).argmax(axis=1) == np.arange(len(asked))).mean()
        )
    return found


@pytest.mark.slow
def test_positive_control__attributes_tell_nonsense_classes_apart_and_control_texts_do_not():
    found = accuracies(*attribute_bank())
    assert all(found[name] <= 0.12 for name in AT_CHANCE)  # which is 1 of 60; 8 are beyond it
    assert all(found[name] >= least for name, least in ABOVE.items())


def test_arm__that_says_the_name_says_it_as_a_person_would():
    entry = ClassEntry(name="bow_(weapon)", id=1)
    scenes = {"living_room": (entry.name,)}
    words = Vocabulary(name="v", classes=(entry,), ignore_ids=(), scenes=scenes)
    rows = (Phrase("bow (weapon)", NAME_SLOT, "", ANY_SCENE), Phrase("a b", "part", "", ANY_SCENE))
    bank = BankPhrases(words, {entry.name: rows})
    for name in ("templates", "named-random", "scene-prefix"):
        (_, text) = (row.text for row in RULES[name].make(bank, 0)[entry.name])
        assert "bow (weapon)" in text
        assert "_" not in text
