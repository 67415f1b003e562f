"""Every class is asked about once, and what a reply says of its subclasses shares their fate."""

import json
from dataclasses import replace

import pytest

from langseg.cache.errors import UsageError
from langseg.cache.keys import request_key
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.prompts import replies
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt
from tests.support.shelf_replies import GOOD, parsed, phrases, rejections, reply, request, subclass

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=name, id=i) for i, name in enumerate(("wall", "bed", "sink"))),
    ignore_ids=(255,),
    scenes={"kitchen": ("sink", "wall"), "bedroom": ("bed",)},
)


def test_plan__has_every_class_then_only_plausible_pairs_by_scene():
    plan = describe_requests(ROOMS, some_prompt(), "m", {})
    assert [(request.scene, request.class_name) for request in plan] == [
        ("*", "wall"), ("*", "bed"), ("*", "sink"),
        ("kitchen", "wall"), ("kitchen", "sink"), ("bedroom", "bed"),
    ]  # fmt: skip


def test_request__has_the_key_of_its_own_columns():
    request = next(iter(describe_requests(ROOMS, some_prompt(), "m", {"t": 0.0})))
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
        describe_requests(ROOMS, some_prompt(), "m", {"t": 0}),
        describe_requests(ROOMS, some_prompt(), "n", {"t": 0}),
        describe_requests(ROOMS, some_prompt(), "m", {"t": 1}),
        describe_requests(ROOMS, some_prompt(), "m", {"t": None}),
        describe_requests(ROOMS, some_prompt(n_attributes=9), "m", {"t": 0}),
        describe_requests(other_sense, some_prompt(), "m", {"t": 0}),
    ]
    assert len({next(iter(plan)).request_key for plan in plans}) == len(plans)
    samples = list(describe_requests(ROOMS, some_prompt(), "m", {}, samples=3))
    assert len({request.request_key for request in samples}) == 18
    assert [request.sample_index for request in samples[:3]] == [0, 1, 2]


def test_key__does_not_hang_on_ids_or_on_other_classes():
    alone = replace(ROOMS, name="other", classes=(replace(ROOMS.classes[0], id=9),), scenes={})
    (request,) = describe_requests(alone, some_prompt(), "m", {})
    assert request == next(iter(describe_requests(ROOMS, some_prompt(), "m", {})))


@pytest.mark.parametrize(("model", "samples"), [("", 1), ("m", 0), ("m", 101)])
def test_plan__refuses_no_model_and_a_silly_number_of_samples(model: str, samples: int):
    with pytest.raises(UsageError):
        describe_requests(ROOMS, some_prompt(), model, {}, samples)


def test_parse_reply__looks_for_the_name_of_a_subclass_with_one_finder(monkeypatch):
    made: list[list[str]] = []

    class Counted(NameFinder):
        def __init__(self, names: list[str]) -> None:
            made.append(list(names))
            super().__init__(names)

    monkeypatch.setattr(replies, "NameFinder", Counted)
    four = phrases("pale thin planks", "two thick legs", "a wall rail on top", "long dark gaps")
    asked = request(n_per_subclass=4)
    answer = parse_reply(reply(phrases(*GOOD), [subclass("wall rail", *four)]), asked)
    assert [row.rejected for row in answer.rows[9:]] == ["", "", "names_class", ""]
    assert made.count(["wall rail"]) == 1


def test_subclass_phrase__may_name_neither_the_class_nor_its_own_subclass():
    answer = parsed(
        subclasses=[
            subclass("floating shelf", *phrases("shelf on hidden pins")),
            subclass("ladder", *phrases("wide Ladders of rungs")),
        ]
    )
    assert rejections(answer)[8:] == [
        ("floating shelf", "floating shelf", ""),
        ("floating shelf", "shelf on hidden pins", "names_class"),
        ("ladder", "ladder", ""),
        ("ladder", "wide Ladders of rungs", "names_class"),
    ]


@pytest.mark.parametrize(
    ("name", "parent", "why"),
    [
        ("Shelves", "shelf", "names_class"),
        ("wall rail", "table", "wrong_parent"),
        ("corner rail", "SHELF", "duplicate"),
        ("a" * 65, "shelf", "too_long"),
        ("--", "shelf", "hostile"),
        ("..", "shelf", "too_short"),
        ("<i>rail", "shelf", "hostile"),
    ],
)
def test_rejected_subclass__takes_its_phrases_along(name: str, parent: str, why: str):
    first = subclass("Corner rail", *phrases("meets two walls"))
    answer = parsed(subclasses=[first, subclass(name, *phrases("a plank on pins"), parent=parent)])
    assert [row.rejected for row in answer.rows[8:]] == ["", "", why, why]


def test_subclass__may_be_a_synonym_of_its_class():
    assert parsed(subclasses=[subclass("rack")]).rows[-1].rejected == ""


def test_slot_name_inside_a_subclass__does_not_slip_past_the_checks():
    answer = parsed(subclasses=[subclass("wall rail", {"slot": "name", "text": "<b>a shelf</b>"})])
    assert answer.rows[-1].rejected == "wrong_slot"


def test_class__is_told_as_its_name_is_said_and_answers_by_it_leak_no_part_of_it():
    entry = ClassEntry(name="car/motor_vehicle", id=1)
    words = Vocabulary(
        name="v", classes=(entry,), ignore_ids=(), scenes={"car_park": (entry.name,)}
    )
    asked, in_scene = describe_requests(words, some_prompt(n_attributes=8), "m", {})
    assert asked.class_name == entry.name
    assert (
        '{"name": "car", "synonyms": ["motor vehicle"]'
        in json.loads(asked.messages_json)[1]["content"]
    )
    assert 'Scene: "car park"' in json.loads(in_scene.messages_json)[1]["content"]
    attributes = phrases(*GOOD[:6], "a shiny car door", "one motor vehicle on wheels")
    answer = parse_reply(
        reply(attributes, [subclass("taxi", *phrases("yellow roof"), parent="car")]), asked
    )
    assert [row.rejected for row in answer.rows] == [*[""] * 6, *["names_class"] * 2, "", ""]
    assert {row.class_name for row in answer.rows} == {entry.name}
