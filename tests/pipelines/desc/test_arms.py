"""`langseg-desc arms` makes banks that differ in their texts and in nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langseg.cache.bank.load_save import load_bank, newest_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.store.store import Store
from langseg.descriptors.controls.arms import RULES
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.pipelines.desc.arms import ArmsConfig, ArmsReport, run_arms
from langseg.pipelines.desc.bank import run_bank
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from tests.support.openai_server import OpenAIServer
from tests.support.quiet import Quiet, no_bar

pytestmark = pytest.mark.slow

DESC = "langseg-desc"
HOME: dict[str, Any] = {
    "name": "home",
    "classes": [
        {"name": name, "synonyms": other}
        for name, other in (
            ("wall", ["partition"]),
            ("floor", ["flooring"]),
            ("bed", []),
            ("cabinet", []),
            ("sky", ["heavens"]),
        )
    ],
    "scenes": {"bedroom": ["wall", "floor", "bed"], "kitchen": ["wall", "floor", "cabinet"]},
    "hypernyms": {"furniture": ["bed", "cabinet"], "surface": ["wall", "floor"]},
}
FURTHER = {"distractors-50": 50, "distractors-200": 200, "random-negatives": 50}


def arms_of(folder: Path, encoder: str, **changes: Any) -> ArmsReport:
    settings = {"classes": folder / "home.json", "store": folder / "store", **changes}
    return run_arms(ArmsConfig(encoder=encoder, **settings), no_bar)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a class list, and a store in which two models describe it, one a class more."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "home.json").write_text(json.dumps(HOME))
    (folder / "alone.json").write_text(json.dumps(HOME["classes"][-1:]))
    store = folder / "store"
    run_generate(DescribeConfig(classes=folder / "home.json", store=store), Quiet())
    with pytest.MonkeyPatch.context() as patch, OpenAIServer() as server:
        patch.setenv("OPENAI_API_KEY", "sk-none-0123")
        patch.setenv("NO_PROXY", "127.0.0.1")
        flags = {"store": store, "provider": "openai", "base_url": server.base_url}
        asked = {"classes": folder / "home.json", "scenes": "none", "model": "other"}
        run_generate(DescribeConfig(**flags, **asked), Quiet())
        run_generate(DescribeConfig(**flags, classes=folder / "alone.json", model="scant"), Quiet())
    return folder


@pytest.fixture(scope="module")
def report(home: Path, hash_encoder: str) -> ArmsReport:
    return arms_of(home, hash_encoder)


@pytest.fixture(scope="module")
def banks(report: ArmsReport) -> dict[str, TextBank]:
    return {arm.arm: load_bank(arm.bank) for arm in report.arms}


def test_arms__are_all_there_the_bank_itself_first(report):
    assert [arm.arm for arm in report.arms] == [
        "real",
        *RULES,
        "generated:other",
        "cut:generated:other",
    ]
    assert report.real == report.arms[0].fingerprint
    assert len({arm.fingerprint for arm in report.arms}) == len(report.arms)


def test_real_arm__is_the_bank_that_the_command_bank_makes(home, banks, hash_encoder):
    source = EncodedSource(classes=home / "home.json", store=home / "store")
    made = run_bank(source, hash_encoder)
    assert made.fingerprint == banks["real"].fingerprint
    assert banks["real"].recipe is None
    assert newest_bank(home / "store" / "banks", "home") == made.bank


def test_arms__carry_their_recipe_and_the_bank_they_control(report, banks):
    for arm in report.arms[1:]:
        recipe = {"arm": arm.arm, "rule": arm.rule, "seed": arm.seed, "of": report.real}
        more = {"distractors": FURTHER[arm.arm]} if arm.arm in FURTHER else {}
        assert banks[arm.arm].recipe == recipe | more
        assert banks[arm.arm].model == arm.model
    assert banks["generated:other"].model == "other"


def test_arms__have_the_classes_scenes_and_width_of_the_bank(banks):
    real = banks["real"]
    for bank in (bank for name, bank in banks.items() if name not in FURTHER):
        assert (bank.names, bank.ids, bank.scenes) == (real.names, real.ids, real.scenes)
        assert (bank.emb.shape, bank.vocabulary_hash) == (real.emb.shape, real.vocabulary_hash)


@pytest.mark.parametrize(("name", "more"), FURTHER.items())
def test_arm_with_further_classes__is_the_bank_with_names_behind_it(banks, name: str, more: int):
    real, wide = banks["real"], banks[name]
    assert (wide.names[:-more], wide.ids[:-more]) == (real.names, real.ids)
    assert min(wide.ids[-more:]) > max(*real.ids, *real.ignore_ids)
    for array in ("emb", "mask", "weight"):
        assert np.array_equal(getattr(wide, array)[:-more], getattr(real, array))
    assert np.array_equal(wide.prior[:, :-more], real.prior)
    assert wide.texts[-more:] == tuple((said,) for said in wide.names[-more:])


@pytest.mark.parametrize(
    "name", ["templates", "random", "named-random", "dealt", "swapped", "scrambled"]
)
def test_arms__of_the_same_places_have_the_mask_weights_and_priors_of_the_bank(banks, name: str):
    for array in ("mask", "weight", "prior", "scene"):
        assert np.array_equal(getattr(banks[name], array), getattr(banks["real"], array))


def test_scene_shuffled__differs_from_the_bank_in_its_priors_alone(banks):
    real, shuffled = banks["real"], banks["scene-shuffled"]
    assert (shuffled.texts, shuffled.slots) == (real.texts, real.slots)
    assert np.array_equal(shuffled.emb, real.emb)
    assert not np.array_equal(shuffled.prior, real.prior)


def test_arms__made_again_are_the_same_and_embed_nothing(home, report, hash_encoder):
    again = arms_of(home, hash_encoder)
    assert again.embedded == 0
    assert again.arms == report.arms


def test_arms__of_the_same_answers_in_another_store_are_the_same(
    home, report, tmp_path, hash_encoder
):
    run_generate(DescribeConfig(classes=home / "home.json", store=tmp_path), Quiet())
    alone = arms_of(home, hash_encoder, store=tmp_path)
    prints = {arm.arm: arm.fingerprint for arm in report.arms}
    assert {arm.arm: arm.fingerprint for arm in alone.arms} == {
        name: prints[name] for name in prints if not name.startswith(("generated", "cut"))
    }


def test_arms__say_how_many_texts_name_their_class(report):
    naming = {arm.arm: arm.naming for arm in report.arms}
    assert naming["names"] == naming["name-free"] == naming["swapped"] == 0
    assert naming["templates"] == report.arms[0].texts - 5  # all but the names themselves
    assert 0 < naming["real"] < naming["templates"]  # names of subclasses


def test_cut__has_as_many_texts_as_the_imported_set(report, banks):
    assert banks["cut:generated:other"].mask.sum() <= banks["generated:other"].mask.sum()
    assert banks["cut:generated:other"].recipe["arm"] == "cut:generated:other"


def test_arms__are_listed_in_a_file_named_by_the_bank(home, report):
    path = home / "store" / "banks" / f"arms-{report.real}.json"
    assert report.index == path
    index = json.loads(path.read_text())
    for listed, reported in zip(index["arms"], report.arms, strict=True):
        assert listed == {key: value for key, value in vars(reported).items() if key != "bank"}
        assert (path.parent / listed["fingerprint"] / "bank.json").is_file()


def test_arms__leave_out_a_model_that_describes_less_than_half_and_say_so(report):
    assert report.left_out == {"generated:scant": "scant describes 1 of 5 classes"}


def test_arms__have_only_the_other_set_that_is_named(home, hash_encoder):
    made = arms_of(home, hash_encoder, other="other")
    assert [arm.arm for arm in made.arms][-2:] == ["generated:other", "cut:generated:other"]
    assert made.left_out == {}  # the scant one is not looked at
    assert arms_of(home, hash_encoder, other="scant").left_out == {
        "generated:scant": "scant describes 1 of 5 classes"
    }


def test_arms__say_which_other_sets_there_are_to_name(call, home, hash_encoder):
    flags = ("--classes", home / "home.json", "--store", home / "store")
    done = call(DESC, "arms", *flags, "--encoder", hash_encoder, "--other", "none-such")
    assert done.code == 3
    assert "--other none-such: wanted a set of home" in done.err
    assert "got one of other, scant" in done.err


def test_arms__leave_a_store_that_verifies(call, home, report):
    assert call(DESC, "verify", "--store", home / "store").code == 0
    assert Store.open(home / "store").table("texts").num_rows > 400


def test_arms__of_more_seeds_are_more_draws_each_of_its_own(call, home, hash_encoder):
    vocabulary = ("--classes", home / "home.json", "--store", home / "store", "--seeds", 2)
    flags = (*vocabulary, "--encoder", hash_encoder)
    done = call(DESC, "arms", *flags, "--json").json
    dealt = [arm for arm in done["arms"] if arm["arm"] == "dealt"]
    assert [arm["seed"] for arm in dealt] == [0, 1]
    assert len({arm["fingerprint"] for arm in done["arms"]}) == len(done["arms"])
    twin = done["left_out"]["scene-shuffled of seed 1"]  # one scene of two can only be the other
    assert twin == "it says what scene-shuffled of seed 0 says"


def test_arm_of_another_model__leaves_the_bank_of_that_model_as_it_is(home, report, hash_encoder):
    source = EncodedSource(classes=home / "home.json", store=home / "store", model="other")
    made = run_bank(source, hash_encoder).bank
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    arms_of(home, hash_encoder)
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before


def test_arms__are_shown_as_a_table_with_what_was_left_out(call, home, hash_encoder):
    flags = ("--classes", home / "home.json", "--store", home / "store")
    done = call(DESC, "arms", *flags, "--encoder", hash_encoder)
    assert done.code == 0
    rows = [line.split() for line in done.out.splitlines() if line.strip()]
    assert rows[0] == ["arm", "seed", "texts", "words", "naming", "fingerprint", "folder"]
    assert [row[0] for row in rows[2:]] == [
        "real",
        *RULES,
        "generated:other",
        "cut:generated:other",
    ]
    assert "left out: generated:scant, as scant describes 1 of 5 classes" in done.err


def test_arms__of_a_vocabulary_nobody_described_name_the_command(call, home, tmp_path):
    (tmp_path / "other.txt").write_text("hoverboard\n")
    done = call(DESC, "arms", "--classes", tmp_path / "other.txt", "--store", home / "store")
    assert done.code == 3
    assert "langseg-desc generate" in done.err
