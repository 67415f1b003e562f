"""Whole comparisons over worlds in which it is known whether words tell how classes look."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import InputError
from langseg.pipelines.seg.beside import check_encoders
from tests.pipelines.conftest import Call, Done
from tests.support.attribute_world import AttributeWorld, Kind, write_world
from tests.support.tiny_segmenter import tiny_bank


def made(call: Call, folder: Path, kind: Kind, seed: int = 0) -> AttributeWorld:
    """With its store, and the banks of three draws of each arm."""
    world = write_world(folder, kind=kind, seed=seed)
    words = ("--classes", world.classes, "--store", folder / "store")
    assert call("langseg-desc", "import", world.descriptors, *words).code == 0
    done = call("langseg-desc", "arms", *words, "--seeds", 3)
    assert done.code == 0, done.err
    return world


def compare(call: Call, world: AttributeWorld, *more: object) -> Done:
    folder = world.classes.parent
    return call(
        "langseg-seg", "compare", "--config", "demo", "--classes", world.classes,
        "--images", world.images, "--labels", world.labels, "--val-images", world.val_images,
        "--val-labels", world.val_labels, "--store", folder / "store",
        "--features", folder / "features", "--out", folder / "compare",
        "--set", "training.feature_side=128", *more,
    )  # fmt: skip


def scores_of(report: dict[str, Any]) -> dict[str, float]:
    return {row["arm"]: row["score"] for row in report["arms"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture
def positive(call: Call, folder: Path) -> AttributeWorld:
    """Made once for the file; a comparison in it takes what another counted."""
    place = folder / "positive"
    return made(call, place, "positive") if not place.exists() else world_in(place)


def world_in(place: Path) -> AttributeWorld:
    return AttributeWorld(
        classes=place / "classes.txt", descriptors=place / "descriptors.json",
        images=place / "images/train", labels=place / "labels/train",
        val_images=place / "images/val", val_labels=place / "labels/val", looks={}, truth={},
    )  # fmt: skip


ARMS = ("--arms", "names,named-random,swapped")


def test_compare__says_yes_where_words_tell_how_classes_look(call, positive):
    done = compare(call, positive, *ARMS, "--json")
    assert done.code == 0, done.err
    report = done.json
    assert report["word"] == "yes"
    assert report["sentence"].startswith("descriptors - random words = +")
    assert report["sentence"].endswith("(20 splits, 3 seeds, 30 pictures, 30 clusters): yes")
    control = next(row for row in report["arms"] if row["arm"] == "named-random")
    assert control["difference"]["low"] >= 20
    assert report["dealt"]["p"] == 1 / 40
    scores, chance = scores_of(report), report["chance"]
    assert scores["real"] > 50
    assert abs(scores["names"] - chance) < 10
    assert scores["swapped"] < chance + 10
    calibrated = report["arms"][0]["calibrated"]
    assert calibrated["unseen"] > report["arms"][0]["competing"]["unseen"]


def test_compare__sees_no_difference_where_words_say_nothing(call, tmp_path):
    report = compare(call, made(call, tmp_path / "w", "negative"), *ARMS, "--json").json
    assert report["word"] == "no difference"


@pytest.mark.long
def test_compare__of_twenty_worlds_whose_words_say_nothing_two_at_most_get_another_verdict(
    call, tmp_path
):
    """About what 95 % allows."""
    words = [
        compare(call, made(call, tmp_path / str(seed), "negative", seed), *ARMS, "--json").json[
            "word"
        ]
        for seed in range(20)
    ]
    assert words.count("no difference") >= 18, words


def test_compare__half_false_lists_lie_between(call, tmp_path):
    world = made(call, tmp_path / "w", "mixed")
    scores = scores_of(compare(call, world, *ARMS, "--json").json)
    assert scores["names"] + 5 < scores["real"] < 50


def test_compare__keeps_what_it_counted_and_takes_it_again(call, positive):
    arms = positive.classes.parent / "compare" / "arms"
    first = compare(call, positive, *ARMS, "--json").json
    before = {file.name: file.stat().st_mtime_ns for file in arms.iterdir()}
    assert set(before) == {
        "real.parquet", "names.parquet", "dealt.json",
        *(f"{name}.{seed}.parquet" for name in ("named-random", "swapped") for seed in range(3)),
    }  # fmt: skip
    (arms / "names.parquet").unlink()
    again = compare(call, positive, *ARMS, "--json").json
    after = {file.name: file.stat().st_mtime_ns for file in arms.iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["names.parquet"]
    assert {**again, "seconds": 0} == {**first, "seconds": 0}


def test_compare__its_rule_is_there_before_the_first_arm_and_a_changed_one_is_another_run(
    call, positive
):
    compare(call, positive, *ARMS)
    out = positive.classes.parent / "compare"
    rule = json.loads((out / "rule.json").read_text())
    assert rule["control"] == "named-random"
    assert len(rule["splits"]) == 20
    assert (out / "rule.json").stat().st_mtime_ns < min(
        file.stat().st_mtime_ns for file in (out / "arms").iterdir()
    )
    done = compare(call, positive, *ARMS, "--margin", 5)
    assert done.code == 4
    assert "got another margin; a changed rule is a new run, give another --out" in done.err


def test_compare__rows_hold_every_labelled_pixel_of_each_arm(call, positive):
    compare(call, positive, *ARMS)
    rows = pq.read_table(positive.classes.parent / "compare" / "results.parquet").to_pylist()
    pixels: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = row["arm"], row["seed"], row["split"], row["protocol"]
        pixels[key] = pixels.get(key, 0) + row["pixels"]
        assert row["correct"] <= min(row["pixels"], row["said"])
    assert {n for (_, _, _, protocol), n in pixels.items() if protocol == "all"} == {30 * 128**2}


def test_compare__damage_to_what_was_counted_is_named(call, positive):
    compare(call, positive, *ARMS)
    file = positive.classes.parent / "compare" / "arms" / "names.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    done = compare(call, positive, *ARMS)
    file.write_bytes(whole)
    assert done.code == 4
    assert "remove the file and run the same command again" in done.err


def test_compare__tells_which_arms_there_are_and_how_to_make_them(call, positive, tmp_path):
    done = compare(call, positive, "--arms", "nonsense", "--out", tmp_path / "out")
    assert done.code == 2
    assert "got nonsense; `langseg-desc arms --classes" in done.err
    assert not (tmp_path / "out").exists()
    done = compare(call, positive, "--unseen", "nobody,else", "--out", tmp_path / "out")
    assert done.code == 2
    assert "wanted names of classes, got 'nobody'" in done.err
    alone = positive.classes.read_text().splitlines()[0]
    done = compare(call, positive, "--unseen", alone, "--out", tmp_path / "out")
    assert done.code == 2
    assert "wanted two classes or more in each split, and one left that pictures" in done.err
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "rule.json").write_text("[1")
    done = compare(call, positive, *ARMS, "--out", tmp_path / "broken")
    assert done.code == 4
    assert "wanted the rule of a comparison" in done.err
    done = compare(call, positive, "--store", tmp_path / "none", "--out", tmp_path / "out")
    assert done.code == 3


def test_compare__quick_says_what_it_cannot_claim(call, positive, tmp_path):
    report = compare(call, positive, "--quick", "--json", "--out", tmp_path / "quick").json
    assert len(report["splits"]) == 5
    assert any("no claim" in claim for claim in report["claims"])


@pytest.fixture
def neighbour(call: Call, positive: AttributeWorld) -> Path:
    """The dataset.yaml of another world, whose words are in the same store."""
    folder = positive.classes.parent / "neighbour"
    file = folder / "neighbour.yaml"
    if not folder.exists():
        other = write_world(folder, kind="positive", seed=1)
        words = ("--classes", other.classes.rename(folder / "neighbour.txt"), "--store",
                 positive.classes.parent / "store")  # fmt: skip
        assert call("langseg-desc", "import", other.descriptors, *words).code == 0
        done = call("langseg-desc", "arms", *words, "--seeds", 1)
        assert done.code == 0, done.err
        file.write_text("classes: neighbour.txt\nimages: images/train\nlabels: labels/train\n")
    return file


def test_compare__trains_with_datasets_beside_and_hides_a_thing_under_all_their_names(
    call, positive, neighbour, tmp_path
):
    out = tmp_path / "out"
    done = compare(
        call, positive, *ARMS, "--splits", 6, "--json", "--beside", neighbour, "--out", out
    )
    assert done.code == 0, done.err
    assert (
        "left out named-random.1, named-random.2, swapped.1, swapped.2, which neighbour lacks; "
        "`langseg-desc arms --classes"
    ) in done.err
    report = done.json
    assert scores_of(report)["real"] > scores_of(report)["named-random"] + 20
    rule = json.loads((out / "rule.json").read_text())
    theirs = (neighbour.parent / "neighbour.txt").read_text().split()
    [beside] = rule["beside"]
    ours = positive.classes.read_text().split()
    assert beside["hides"] == {name: [name] for name in ours if name in theirs}
    assert "reader" not in rule
    done = compare(call, positive, *ARMS, "--splits", 6, "--out", out, "--set", "reader.rank=20")
    assert done.code == 4
    assert "got another arms, banks, reader, beside; a changed rule" in done.err


def test_compare__refuses_datasets_beside_that_it_cannot_train_with(
    call, positive, neighbour, tmp_path
):
    more = ("--out", tmp_path / "out", "--beside")
    done = compare(call, positive, "--head", "dense", *more, neighbour)
    assert done.code == 2
    assert "wanted --head aligned, got dense, which is trained on one dataset" in done.err
    done = compare(call, positive, *more, f"msrcc={tmp_path}")
    assert done.code == 2
    assert "did you mean msrc?" in done.err
    done = compare(call, positive, *more, f"msrc={tmp_path / 'none'}")
    assert (done.code, f"none at {tmp_path / 'none'}" in done.err) == (3, True)
    done = compare(call, positive, *more, "msrc")
    assert (done.code, "wanted msrc=DIR or a dataset.yaml" in done.err) == (2, True)
    done = compare(call, positive, *more, f"msrc={tmp_path}")
    assert done.code == 3
    assert "wanted a TextBank of msrc, found none" in done.err


def test_banks__of_other_encoders_are_not_compared_beside_each_other():
    mine, theirs = tiny_bank(), tiny_bank(encoder_id="another")
    dataset = SimpleNamespace(vocabulary=SimpleNamespace(name="v"), words="--dataset v")
    beside = [SimpleNamespace(real=theirs, dataset=dataset)]
    with pytest.raises(InputError, match="wanted a TextBank of tiny-encoder.*got one of another"):
        check_encoders(mine, beside)  # type: ignore[arg-type]


def test_compare__trained_heads_are_compared_as_well(call, positive, tmp_path):
    tiny = ("--head", "dense", "--seeds", 1, "--splits", 1, "--arms", "named-random")
    steps = ("--set", "training.steps=4", "--set", "training.warmup_steps=1")
    done = compare(call, positive, *tiny, *steps, "--json", "--out", tmp_path / "dense")
    assert done.code == 0, done.err
    report = done.json
    assert report["head"] == "dense"
    assert [row["arm"] for row in report["arms"]] == ["real", "named-random"]
    assert report["arms"][0]["calibrated"] is None
