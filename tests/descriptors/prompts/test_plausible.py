"""An LLM is asked once a scene which classes it may show, and only listed names count."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langseg.cache.keys import request_key
from langseg.cache.records import Request
from langseg.descriptors.prompts import plausible
from langseg.descriptors.prompts.plausible import (
    MAX_LISTED,
    asks_about,
    plausible_classes,
    plausible_requests,
    plausible_scenes,
)
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.prompts.template import closing_data

unhurried = settings(max_examples=50, deadline=None)
NAMES = ("wall", "Door", "café table", "sky")
PARAMS = {"temperature": 0, "max_completion_tokens": 2048}


def asked(names: Any = NAMES, scenes: Any = ("kitchen", "street")) -> list[Request]:
    return list(plausible_requests(names, scenes, "m", PARAMS))


KITCHEN = asked()[0]


def reply(*names: Any) -> str:
    return json.dumps({"classes": list(names)})


def classes_named(*names: Any) -> tuple[str, ...]:
    return plausible_classes({"classes": list(names)}, KITCHEN.messages_json)


def test_requests__are_one_for_each_scene_in_the_order_given():
    requests = asked()
    assert [(r.scene, r.class_name, r.sample_index) for r in requests] == [
        ("kitchen", "", 0),
        ("street", "", 0),
    ]
    assert {r.model for r in requests} == {"m"}
    assert {r.prompt_id.partition("@")[0] for r in requests} == {"plausible_v1"}
    for request in requests:
        data = closing_data(request.messages_json, "Classes", "Scene")
        assert data == [list(NAMES), request.scene]


def test_requests__have_the_key_of_their_own_columns():
    for request in asked(scenes=("kitchen", 'bar "x"', "caf\u00e9")):
        assert request.request_key == request_key(
            model=request.model,
            messages=json.loads(request.messages_json),
            params=json.loads(request.params_json),
            schema=json.loads(request.schema_json),
            sample_index=request.sample_index,
        )


def test_requests__about_many_classes_are_cut_into_lists_that_a_reply_can_repeat():
    names = [f"thing {n}" for n in range(2 * MAX_LISTED + 1)]
    requests = asked(names, ("kitchen", "street"))
    assert [r.scene for r in requests] == ["kitchen"] * 3 + ["street"] * 3
    lists = [closing_data(r.messages_json, "Classes", "Scene")[0] for r in requests[:3]]
    assert [len(part) for part in lists] == [MAX_LISTED, MAX_LISTED, 1]
    assert sum(lists, []) == names
    for request, part in zip(requests, lists, strict=False):
        listed = json.loads(request.schema_json)["properties"]["classes"]
        assert (listed["minItems"], listed["maxItems"]) == (0, len(part))
    assert len({r.request_key for r in requests}) == 6


def test_requests__of_two_scenes_share_everything_before_the_scene():
    one, other = (json.loads(r.messages_json)[1]["content"] for r in asked())
    assert one.rpartition("\n")[0] == other.rpartition("\n")[0]


@pytest.mark.parametrize(("names", "scenes"), [((), ("kitchen",)), (NAMES, ())])
def test_requests__are_none_where_there_is_nothing_to_ask(names, scenes):
    assert asked(names, scenes) == []


def test_reply__is_in_the_order_of_the_list_without_strangers_and_repeats():
    assert classes_named("sky", "spoon", "wall", "sky") == ("wall", "sky")


def test_reply__is_read_without_case_white_space_and_unicode_form():
    assert classes_named("WALL", " door ", "cafe\u0301  table\n") == (
        "wall",
        "Door",
        "caf\u00e9 table",
    )


def test_reply__may_be_an_empty_list():
    assert classes_named() == ()
    assert parse_reply(reply(), KITCHEN).status == "ok"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (reply("spoon", "fork"), "none of the 2 classes named is in the list"),
        (reply(1, None, ["wall"]), "none of the 3 classes named is in the list"),
        ('{"classes": "wall"}', "no list 'classes'"),
        ('{"classes": {"wall": true}}', "no list 'classes'"),
        ("{}", "no list 'classes'"),
        ('["wall"]', "no JSON object"),
        ('{"classes": [], "classes": ["wall"]}', "a key that is there twice"),
        ('{"classes": ["wall"', "not the JSON asked for"),
        ("", "not the JSON asked for"),
    ],
)
def test_reply__that_names_nothing_of_the_list_is_invalid(text: str, reason: str):
    answer = parse_reply(text, KITCHEN)
    assert (answer.status, answer.rows, answer.texts) == ("invalid", (), ())
    assert reason in answer.error


def test_reply__that_is_good_has_no_phrases():
    answer = parse_reply(reply("wall", "spoon"), KITCHEN)
    assert (answer.status, answer.rows, answer.texts, answer.error) == ("ok", (), (), "")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(NAMES),
    lambda item: st.lists(item, max_size=4) | st.dictionaries(st.text(), item, max_size=3),
    max_leaves=8,
)
hostile = st.one_of(
    st.text(),
    anything.map(json.dumps),
    anything.map(lambda value: json.dumps({"classes": value})),
    st.lists(anything).map(lambda value: f"```json\n{json.dumps({'classes': value})}\n```"),
)


@pytest.mark.slow
@unhurried
@given(hostile)
@example("[" * 100_000)
@example('{"classes":' * 100_000)
@example('{"classes": [' + "9" * 5000 + "]}")
@example('{"classes": ["\\ud800"]}')
@example("x" * 2**20 + "x")
@example("``````")
def test_parse_reply__never_raises_and_what_it_accepts_reads_back(text):
    answer = parse_reply(text, KITCHEN)
    assert answer.status in ("ok", "invalid")
    assert bool(answer.error) == (answer.status == "invalid")
    answer.error.encode()
    if answer.status == "ok":
        found = plausible_scenes(NAMES, [(KITCHEN, text)])
        assert set(found) <= {"kitchen"}


@pytest.mark.parametrize("form", ["{}", " \n{}\n ", "```json\n{}\n```", "```\n{}\n```\n"])
def test_scenes__are_read_from_a_reply_in_every_form_that_is_accepted(form: str):
    text = form.replace("{}", reply("wall"))
    assert parse_reply(text, KITCHEN).status == "ok"
    found = plausible_scenes(NAMES, [(KITCHEN, text)])
    assert found == {"kitchen": ("wall",)}


def test_scenes__have_their_classes_in_the_order_of_the_vocabulary():
    kitchen, street = asked()
    answers = [(kitchen, reply("sky", "wall")), (street, reply("Door"))]
    assert plausible_scenes(NAMES[::-1], answers) == {
        "kitchen": ("sky", "wall"),
        "street": ("Door",),
    }


def test_scenes__with_an_empty_reply_are_left_out():
    assert plausible_scenes(NAMES, [(KITCHEN, reply())]) == {}


def test_scenes__asked_in_several_lists_have_the_classes_of_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plausible, "MAX_LISTED", 2)
    first, second = asked(scenes=("kitchen",))
    answers = [(second, reply("sky", "wall")), (first, reply("Door"))]
    assert plausible_scenes(NAMES, answers) == {"kitchen": ("Door", "sky")}
    assert plausible_scenes(NAMES, answers[:1]) == {"kitchen": ("sky",)}


def test_asks_about__is_true_of_a_list_within_the_vocabulary_only():
    assert asks_about(KITCHEN, NAMES)
    assert asks_about(KITCHEN, [*NAMES, "spoon"])
    assert not asks_about(KITCHEN, NAMES[1:])
