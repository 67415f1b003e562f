"""A plan asks once for each class and each plausible (class, scene), in cache order."""

import json
from dataclasses import replace

import pytest

from langseg.cache.errors import UsageError
from langseg.cache.keys import request_key
from langseg.descriptors.prompts.plan import plan_requests
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=name, id=i) for i, name in enumerate(("wall", "bed", "sink"))),
    ignore_ids=(255,),
    scenes={"kitchen": ("sink", "wall"), "bedroom": ("bed",)},
)


def test_plan__has_every_class_then_only_plausible_pairs_by_scene():
    plan = plan_requests(ROOMS, some_prompt(), "m", {})
    assert [(request.scene, request.class_name) for request in plan] == [
        ("*", "wall"), ("*", "bed"), ("*", "sink"),
        ("kitchen", "wall"), ("kitchen", "sink"), ("bedroom", "bed"),
    ]  # fmt: skip


def test_request__has_the_key_of_its_own_columns():
    request = next(iter(plan_requests(ROOMS, some_prompt(), "m", {"t": 0.0})))
    assert request.request_key == request_key(
        model=request.model,
        messages=json.loads(request.messages_json),
        params=json.loads(request.params_json),
        schema=json.loads(request.schema_json),
        sample_index=request.sample_index,
    )


def test_key__differs_for_each_sample_model_parameter_and_count():
    other_sense = replace(ROOMS, classes=(replace(ROOMS.classes[0], definition="x"),), scenes={})
    plans = [
        plan_requests(ROOMS, some_prompt(), "m", {"t": 0}),
        plan_requests(ROOMS, some_prompt(), "n", {"t": 0}),
        plan_requests(ROOMS, some_prompt(), "m", {"t": 1}),
        plan_requests(ROOMS, some_prompt(), "m", {"t": None}),
        plan_requests(ROOMS, some_prompt(n_attributes=9), "m", {"t": 0}),
        plan_requests(other_sense, some_prompt(), "m", {"t": 0}),
    ]
    assert len({next(iter(plan)).request_key for plan in plans}) == len(plans)
    samples = list(plan_requests(ROOMS, some_prompt(), "m", {}, samples=3))
    assert len({request.request_key for request in samples}) == 18
    assert [request.sample_index for request in samples[:3]] == [0, 1, 2]


def test_key__does_not_hang_on_ids_or_on_other_classes():
    alone = replace(ROOMS, name="other", classes=(replace(ROOMS.classes[0], id=9),), scenes={})
    (request,) = plan_requests(alone, some_prompt(), "m", {})
    assert request == next(iter(plan_requests(ROOMS, some_prompt(), "m", {})))


def test_plan__is_the_same_each_time_it_is_read_and_knows_its_length():
    plan = plan_requests(ROOMS, some_prompt(), "m", {}, samples=2)
    assert list(plan) == list(plan)
    assert len(plan) == len(list(plan)) == 12
    assert list(plan + plan) == [*plan, *plan]
    assert len(plan + plan) == 24


@pytest.mark.parametrize(("model", "samples"), [("", 1), ("m", 0), ("m", 101)])
def test_plan__refuses_no_model_and_a_silly_number_of_samples(model: str, samples: int):
    with pytest.raises(UsageError):
        plan_requests(ROOMS, some_prompt(), model, {}, samples)
