"""The fuzz targets run, find nothing in a second or two, and would find something."""

import json
from random import Random

import pytest

from langseg.descriptors.phrases import rules
from tests.fuzz import fuzz_template_data, fuzz_validate

FOREVER_S = 600.0  # they end by the number of tries, so that no machine is too slow


@pytest.mark.slow
def test_fuzz_validate__finds_no_escape():
    found = fuzz_validate.fuzz(FOREVER_S, first_seed=1, at_most=600)
    assert found.escapes == []
    assert found.replies == 600
    assert min(found.statuses["ok"], found.statuses["invalid"]) > 100
    assert len(found.reasons) > 7


@pytest.mark.slow
def test_fuzz_validate__finds_a_check_that_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "unseen_character", lambda text: "")
    found = fuzz_validate.fuzz(FOREVER_S, first_seed=1, at_most=600)
    assert len(found.escapes) == 1
    assert "--seed" in found.escapes[0]


@pytest.mark.slow
def test_fuzz_template_data__finds_no_escape():
    found = fuzz_template_data.fuzz(FOREVER_S, first_seed=1, at_most=600)
    assert found.escapes == []
    assert min(found.taken, found.refused) > 50


@pytest.mark.slow
def test_mutated_tree__leaves_the_tree_it_was_given_alone():
    for seed in fuzz_validate.seeds():
        before = json.dumps(seed.reply)
        for number in range(20):
            fuzz_validate.one_reply(seed, Random(number), ["{}"])
        assert json.dumps(seed.reply) == before
