"""The world of attributes is what its kind says, and the commands take its files."""

import json
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.attribute_world import EACH, PHRASES, AttributeWorld, Kind, write_world
from tests.support.program import run_program
from tests.support.seeds import seeds

KINDS: tuple[Kind, ...] = ("positive", "negative", "mixed")
FEW = {"train": 8, "val": 8}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def true_share(world: AttributeWorld) -> float:
    return sum(world.truth.values()) / len(world.truth)


@pytest.mark.parametrize("kind", KINDS)
def test_world__is_a_pure_function_of_its_arguments(kind, tmp_path):
    worlds = [
        write_world(tmp_path / name, kind=kind, seed=seed, **FEW)
        for name, seed in (("one", 3), ("same", 3), ("other", 4))
    ]
    one, same, other = (contents(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert worlds[0].truth == worlds[1].truth
    assert one.keys() == other.keys()
    assert not [name for name in one if one[name] == other[name]]


def test_world__differs_between_kinds_in_its_words_alone(tmp_path):
    for kind in KINDS:
        write_world(tmp_path / kind, kind=kind, seed=3, **FEW)
    worlds = [contents(tmp_path / kind) for kind in KINDS]
    assert len({world.pop("descriptors.json") for world in worlds}) == len(KINDS)
    assert worlds[1:] == worlds[:1] * 2


@pytest.mark.parametrize("seed", seeds(0))
def test_world__shows_every_class_in_both_splits_and_labels_every_pixel(seed, tmp_path):
    world = write_world(tmp_path, kind="positive", seed=seed, **FEW)
    ids = list(range(1, len(world.looks) + 1))
    for images, labels in (
        (world.images, world.labels), (world.val_images, world.val_labels)
    ):  # fmt: skip
        found = [np.array(Image.open(file)) for file in sorted(labels.iterdir())]
        assert np.unique(found).tolist() == ids
        assert {f.name for f in images.iterdir()} == {f.name for f in labels.iterdir()}


@pytest.mark.parametrize("count", [20, 24, 30])
@pytest.mark.parametrize("seed", seeds(0))
def test_looks__are_all_different_and_of_attributes_that_two_others_have(seed, count, tmp_path):
    looks = write_world(
        tmp_path, kind="positive", seed=seed, classes=count, train=9, val=9
    ).looks.values()
    assert len(set(looks)) == count
    having = Counter(one for look in looks for one in look.attributes())
    assert min(having.values()) >= 3
    pairs = Counter(two for look in looks for two in permutations(look.attributes(), 2))
    assert not [two for two, count in pairs.items() if count == having[two[0]]]


def test_world__of_too_few_pictures_or_a_wrong_count_of_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="7 pictures show 28 regions, not all 30 classes"):
        write_world(tmp_path, kind="positive", train=7)
    with pytest.raises(ValueError, match="20 to 30 classes, not 31"):
        write_world(tmp_path, kind="positive", classes=31)


@pytest.mark.parametrize("seed", seeds(0))
def test_descriptors__say_the_looks_in_the_positive_world_and_half_of_the_mixed_one(seed, tmp_path):
    positive, mixed = (
        write_world(tmp_path / kind, kind=kind, seed=seed, **FEW) for kind in ("positive", "mixed")
    )
    assert all(positive.truth.values())
    said = json.loads(mixed.descriptors.read_text())
    for name, phrases in said.items():
        own = {phrase for one in mixed.looks[name].attributes() for phrase in PHRASES[one]}
        assert len(phrases) == len(set(phrases)) == 3 * EACH
        assert [mixed.truth[name, phrase] for phrase in phrases] == [p in own for p in phrases]
        assert sum(phrase in own for phrase in phrases) == len(phrases) / 2


def test_descriptors__of_the_negative_world_are_true_as_often_as_chance_has_them(tmp_path):
    """A list that is dealt by chance says a colour of five, a pattern of six, a tone of two."""
    shares = [
        true_share(write_world(tmp_path / str(seed), kind="negative", seed=seed, **FEW))
        for seed in range(12)
    ]
    chance = (1 / 5 + 1 / 6 + 1 / 2) / 3
    deviation = np.std(shares) / len(shares) ** 0.5
    assert abs(np.mean(shares) - chance) < 3 * deviation
    assert np.std(shares) < 0.1  # else the bound above would hold for any


def test_descriptors__of_the_negative_world_are_the_lists_of_the_positive_one(tmp_path):
    lists = []
    for kind in ("positive", "negative"):
        world = write_world(tmp_path / kind, kind=kind, seed=5, **FEW)
        lists.append(sorted(json.loads(world.descriptors.read_text()).values()))
    assert lists[0] == lists[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_import__keeps_every_descriptor_and_knows_every_class(kind, tmp_path):
    world = write_world(tmp_path / "world", kind=kind, **FEW)
    done = run_program(
        "import", world.descriptors, "--classes", world.classes, "--store", tmp_path / "s", "--json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["classes"], report["accepted"]) == (len(world.looks), len(world.truth))
    assert [report[k] for k in ("rejected", "flagged", "unknown", "missing")] == [{}, {}, {}, []]
