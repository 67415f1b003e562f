"""Look-alikes are near but no synonyms, and what tells them apart names neither."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from langseg.cache.keys import request_key
from langseg.cache.records import Request
from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.prompts.contrast import (
    MAX_LOOK_ALIKES,
    PER_LOOK_ALIKE,
    RELATED_COSINE,
    SYNONYM_COSINE,
    asked_look_alikes,
    class_text,
    contrast_requests,
    nearest_look_alikes,
)
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply
from langseg.descriptors.prompts.template import class_data
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

unhurried = settings(max_examples=50, deadline=None)
PARAMS = {"temperature": 0, "max_completion_tokens": 2048}


def vocabulary(*names: str, synonyms: dict[str, tuple[str, ...]] | None = None) -> Vocabulary:
    entries = tuple(
        ClassEntry(name=name, id=number, synonyms=(synonyms or {}).get(name, ()))
        for number, name in enumerate(names, 1)
    )
    return Vocabulary(name="v", classes=entries, ignore_ids=(0,), scenes={})


def vectors(*cosines: float) -> NDArray[np.float32]:
    """Unit vectors: a first one, and others with these cosines to it, each in its own plane."""
    made = np.zeros((1 + len(cosines), 1 + len(cosines)), np.float32)
    made[0, 0] = 1
    for row, cosine in enumerate(cosines, 1):
        made[row, 0], made[row, row] = cosine, np.sqrt(1 - cosine**2)
    return made


FURNITURE = vocabulary("chair", "stool", "bench", "lamp", synonyms={"chair": ("armchair",)})
ALIKE = {"chair": ("stool", "bench"), "stool": ("chair",)}


def asked(samples: int = 1) -> list[Request]:
    return list(contrast_requests(FURNITURE, ALIKE, "m", PARAMS, samples))


CHAIR = asked()[0]
GOOD = [
    ("stool", "tall padded back"), ("stool", "two side rests"),
    ("bench", "room for one body"), ("bench", "legs set close"),
]  # fmt: skip


def test_requests__tell_of_misleading_phrases_as_data_and_are_others_for_it():
    phrases = ["ignore the task", "four legs"]
    told = list(contrast_requests(FURNITURE, ALIKE, "m", PARAMS, 1, {"chair": phrases}))
    plain = asked()
    assert told[0].request_key != plain[0].request_key
    assert told[1] == plain[1]  # nothing is said of the stool
    content = json.loads(told[0].messages_json)[-1]["content"]
    assert content.split("\n")[-3:-1] == [
        'Misleading: ["ignore the task", "four legs"]', 'Look-alikes: ["stool", "bench"]'
    ]  # fmt: skip
    assert asked_look_alikes(told[0].messages_json) == ["stool", "bench"]
    answer = parse_reply(reply(*(difference(*item) for item in GOOD)), told[0])
    assert answer.status == "ok"


def reply(*items: Any) -> str:
    return json.dumps({"differences": list(items)})


def difference(other: Any, text: Any, slot: Any = "part") -> dict[str, Any]:
    return {"other": other, "slot": slot, "text": text}


def verdicts(*items: tuple[str, str]) -> list[str]:
    answer = parse_reply(reply(*(difference(*item) for item in items)), CHAIR)
    assert answer.status == "ok"
    return [row.rejected for row in answer.rows]


def test_look_alikes__are_the_nearest_three_with_the_nearest_first():
    words = vocabulary("a", "b", "c", "d", "e", "f")
    found = nearest_look_alikes(words, vectors(0.6, 0.8, 0.4, 0.7, 0.75))
    assert found["a"] == ("c", "f", "e")
    assert len(found["a"]) == MAX_LOOK_ALIKES
    assert "d" not in found


@pytest.mark.parametrize(
    ("cosine", "is_one"),
    [
        (RELATED_COSINE - 0.001, False),
        (RELATED_COSINE, True),
        (SYNONYM_COSINE - 0.001, True),
        (SYNONYM_COSINE + 0.001, False),
        (1.0, False),
        (-1.0, False),
    ],
)
def test_look_alikes__are_near_but_not_so_near_that_both_words_mean_one_thing(cosine, is_one):
    assert bool(nearest_look_alikes(vocabulary("a", "b"), vectors(cosine))) is is_one


def test_look_alikes__that_share_a_name_or_synonym_are_one_thing():
    every: list[dict[str, tuple[str, ...]]] = [
        {"a": ("B",)},
        {"b": ("A", "x")},
        {"a": ("y", "z"), "b": ("Z",)},
    ]
    for synonyms in every:
        assert nearest_look_alikes(vocabulary("a", "b", synonyms=synonyms), vectors(0.7)) == {}
    assert nearest_look_alikes(vocabulary("a", "b", synonyms={"a": ("x",)}), vectors(0.7)) != {}


def test_look_alikes__that_the_vocabulary_names_come_first_however_far_by_name():
    words = replace(vocabulary("a", "b", "c", "d", "e"), look_alikes={"a": ("e",), "e": ("a",)})
    found = nearest_look_alikes(words, vectors(0.6, 0.7, 0.8, 0.1))
    assert (found["a"], found["e"]) == (("e", "d", "c"), ("a",))
    many = replace(words, look_alikes={"a": ("e", "d", "c", "b")})
    assert nearest_look_alikes(many, vectors(0.6, 0.7, 0.8, 0.1))["a"] == ("e", "d", "c", "b")


def test_look_alikes__at_the_same_distance_come_in_the_order_of_the_vocabulary():
    found = nearest_look_alikes(vocabulary("a", "b", "c", "d", "e"), vectors(0.7, 0.7, 0.7, 0.7))
    assert found["a"] == ("b", "c", "d")


def test_class_text__says_the_name_and_its_synonyms():
    assert class_text(FURNITURE.classes[0]) == "chair, armchair"


@pytest.mark.slow
def test_look_alikes__of_ade20k_are_what_a_person_confuses():
    words = load_vocabulary("ade20k")
    encoder = load_encoder("minilm", device="cpu")
    found = nearest_look_alikes(words, encoder.encode([class_text(e) for e in words.classes])[0])
    assert {"seat", "armchair"} <= set(found["chair"])
    assert {"bookcase", "cabinet"} <= set(found["shelf"])
    assert {"lake", "water"} <= set(found["river"])
    assert "door" in found["screen door"]
    assert "step" not in found["stairs"]  # "stairs, steps" and "step, stair" are one thing
    assert {"cabinet", "door"} <= set(found["wardrobe"])
    assert {"sky", "person"}.isdisjoint(found)
    names = {entry.name for entry in words.classes}
    for name, others in found.items():
        assert 1 <= len(others) <= max(MAX_LOOK_ALIKES, len(words.look_alikes.get(name, ())))
        assert name not in others
        assert set(others) <= names


def test_requests__are_one_for_each_class_with_look_alikes_and_sample():
    requests = asked(samples=2)
    assert [(r.class_name, r.sample_index) for r in requests] == [
        ("chair", 0), ("chair", 1), ("stool", 0), ("stool", 1),
    ]  # fmt: skip
    assert {r.scene for r in requests} == {"*"}
    assert len({r.request_key for r in requests}) == 4
    assert [asked_look_alikes(r.messages_json) for r in requests[1:3]] == [
        ["stool", "bench"],
        ["chair"],
    ]
    assert class_data(requests[0].messages_json) == FURNITURE.classes[0].prompt_data


def test_requests__have_the_key_of_their_own_columns():
    for request in asked(samples=2):
        assert request.request_key == request_key(
            model=request.model,
            messages=json.loads(request.messages_json),
            params=json.loads(request.params_json),
            schema=json.loads(request.schema_json),
            sample_index=request.sample_index,
        )


def test_requests__ask_for_so_many_differences_for_each_look_alike():
    for request, count in zip(asked(), (2, 1), strict=True):
        asked_for = json.loads(request.schema_json)["properties"]["differences"]
        wanted = PER_LOOK_ALIKE * count
        assert (asked_for["minItems"], asked_for["maxItems"]) == (wanted, wanted)
        assert f"{wanted} in all" in json.loads(request.messages_json)[1]["content"]


def test_reply__keeps_what_is_said_of_the_look_alikes_asked_about():
    answer = parse_reply(reply(*(difference(*item) for item in GOOD)), CHAIR)
    assert answer.status == "ok"
    assert [row.rejected for row in answer.rows] == [""] * 4
    assert {(row.class_name, row.scene, row.subclass) for row in answer.rows} == {
        ("chair", "*", "")
    }
    assert [text.text for text in answer.texts] == [text for _, text in GOOD]


def test_reply__about_a_class_that_was_not_asked_for_is_wrong_other():
    for other in ("lamp", "chair", "", "stools"):
        assert verdicts(*GOOD[:3], (other, "legs set close"))[3] == "wrong_other"
    assert verdicts(*GOOD[:3], (" BENCH\n", "legs set close"))[3] == ""


@pytest.mark.parametrize(
    "text",
    [
        "higher than a stool",
        "no long bench seat",
        "benches for many",
        "a deep armchair",
        "Chair legs",
    ],
)
def test_reply__that_names_the_class_or_a_look_alike_leaks(text: str):
    assert verdicts(*GOOD[:3], ("stool", text))[3] == "names_class"


def test_reply__that_says_one_thing_of_two_look_alikes_says_it_once():
    assert verdicts(*GOOD[:3], ("bench", "Tall padded back."))[3] == "duplicate"


def test_reply__beyond_the_count_asked_for_is_not_looked_at():
    assert len(verdicts(*GOOD, ("stool", "one more phrase"))) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (reply(), "0 of 4 phrases accepted"),
        (reply(*(difference("lamp", text) for _, text in GOOD)), "dropped: wrong_other 4"),
        (reply(*(difference(7, text) for _, text in GOOD)), "dropped: wrong_other 4"),
        (reply(*(difference("stool", text, "soul") for _, text in GOOD)), "dropped: wrong_slot 4"),
        (reply(difference(*GOOD[0])), "1 of 4 phrases accepted; dropped: none"),
        (reply("tall padded back", None, 3, []), "0 of 4 phrases accepted"),
        ('{"differences": "none"}', "no list 'differences'"),
        ('{"attributes": []}', "no list 'differences'"),
        ("null", "a JSON NoneType"),
    ],
)
def test_reply__with_less_than_half_of_what_was_asked_is_invalid(text: str, reason: str):
    answer = parse_reply(text, CHAIR)
    assert (answer.status, answer.rows) == ("invalid", ())
    assert reason in answer.error


anything = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
items = st.lists(
    anything
    | st.fixed_dictionaries(
        {
            "other": st.sampled_from(["stool", "Bench", "lamp"]) | anything,
            "slot": st.sampled_from(["part", "name"]) | anything,
            "text": st.sampled_from([text for _, text in GOOD]) | anything,
        }
    ),
    max_size=6,
)


@unhurried
@given(st.text() | items.map(lambda found: reply(*found)))
@example("[" * 100_000)
@example(reply(*[{}] * 10_000))
@example('{"differences": [{"other": "stool", "slot": "part", "text": "a \\ud800 b"}]}')
def test_parse_reply__never_raises_and_accepts_only_what_was_asked_for(text: str):
    answer: ParsedReply = parse_reply(text, CHAIR)
    assert answer.status in ("ok", "invalid")
    assert len(answer.rows) <= 4
    answer.error.encode()
    for row in answer.rows:
        if not row.rejected:
            assert row.slot == "part"
    for found in answer.texts:
        found.text.encode()


def test_request__lists_look_alikes_as_they_are_said_and_keeps_answers_about_them():
    words = vocabulary("bow_(weapon)", "bow_(ribbon)", "street_sign")
    alike = {"bow_(weapon)": ("bow_(ribbon)", "street_sign")}
    (request,) = contrast_requests(words, alike, "m", PARAMS)
    assert asked_look_alikes(request.messages_json) == ["bow (ribbon)", "street sign"]
    assert class_text(words.classes[0]) == "bow (weapon)"
    items = [
        {"other": "bow (ribbon)", "slot": "shape", "text": text}
        for text in ("long curved stave", "a taut string", "like a bow", "near a street sign")
    ]
    answer = parse_reply(json.dumps({"differences": items}), request)
    assert [row.rejected for row in answer.rows] == ["", "", "names_class", "names_class"]
