"""The one JSON object of a reply is read whatever stands around it; anything else is invalid."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.descriptors.prompts.json_reply import UnclosedReplyError, reply_object
from langseg.descriptors.prompts.replies import parse_reply
from tests.support.shelf_replies import ASKED, GOOD, phrases, reply

WHOLE = reply(phrases(*GOOD))
TEXT = st.text(st.characters(exclude_characters="{}"))
OBJECTS = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    min_size=1,
)


@pytest.mark.parametrize(
    "raw",
    [
        "\n```json\n%s\n```\n", "```json %s ```", "```%s```", "```JSON\r\n%s\r\n```",
        "Here is the JSON:\n\n```json\n%s\n```\n\nLet me know if you need more.",
        "Sure! %s", "%s\n\nHope this helps!", "%s I kept {the count} as asked.", "\ufeff%s", "[%s]",
        "%s<|im_end|>", "%s</s>", "%s<|eot_id|>", "%s<end_of_turn>", "%s\0", "%s%s",
        "<|begin_of_box|>%s<|end_of_box|>", "{{%s}}",
        "<think>\nThe user wants {a list} of [10] looks.\n</think>\n\n%s",
        '<think>First {"attributes": []}, or rather</think>%s',
        '<think>First {"attributes": []}, or rather</think>%s<think>done {"a": 1}</think>',
        'I list ten looks, such as {"slot": "shape"}.\n</think>\n\n```json\n%s\n```',
        '<THINK>{"a": 1}</THINK>%s', '[THINK]{"a": 1}[/THINK]%s', "<think>%s</think>", "<think>%s",
        '◁think▷{"a": 1}◁/think▷%s', '<|channel>thought\n{"a": 1}<channel|>%s',
        '<|channel|>analysis<|message|>{"a": 1}<|end|><|start|>assistant<|channel|>final<|message|>'
        "%s<|return|>",
        'analysisWe could say {"a": 1}.assistantfinal%s',
        '<seed:think>{"a": 1}</seed:think>%s', '<|START_THINKING|>{"a": 1}<|END_THINKING|>%s',
    ],
)  # fmt: skip
def test_reply_with_something_around_it__is_read(raw: str):
    text = raw.replace("%s", WHOLE)
    assert parse_reply(text, ASKED).rows == parse_reply(WHOLE, ASKED).rows
    assert len(parse_reply(WHOLE, ASKED).rows) == 8


def test_reply_that_is_json_inside_json__is_read():
    assert reply_object(json.dumps(WHOLE)) == json.loads(WHOLE)


@pytest.mark.parametrize("cut", range(1, len(WHOLE) - 1, 47))
@pytest.mark.parametrize("before", ["", "Sure! ", "<think>plan {it}</think>"])
def test_reply_that_breaks_off__is_told_from_one_that_holds_nothing(before: str, cut: int):
    with pytest.raises(UnclosedReplyError if cut > 1 else ValueError):
        reply_object(before + WHOLE[:cut])


@pytest.mark.slow
@given(OBJECTS, TEXT, TEXT)
@settings(max_examples=50)
def test_object_in_any_text_without_braces__is_found(value: dict[str, Any], before, after):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert reply_object(f"{before}{text}{after}") == value


@pytest.mark.slow
@given(st.text(st.sampled_from('{}[]":,\\ntrue0</>k|') | st.characters()))
@settings(max_examples=200)
def test_any_text__holds_an_object_or_raises_nothing_but_value_error(text: str):
    with suppress(ValueError):
        assert isinstance(reply_object(text), dict)


@pytest.mark.parametrize(
    "part",
    ['{"a"', '{"', '{"a":', '{"\\"', "{", "}", "<think>", "</think>", '{"a":1}{"a":', "[",
     '{"a":"\\', '{"a":1}', "<think></think>{", "<|channel|>", "{\t"],
)  # fmt: skip
def test_hostile_text_as_long_as_a_reply_may_be__takes_no_longer_than_a_moment(part: str):
    text = part * (2**20 // len(part))
    started = time.process_time()
    with suppress(ValueError):
        reply_object(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "raw",
    [
        "", " ", "null", "[]", "7", '"text"', "I cannot help with that.", "<html>502</html>",
        "{}", '{"attributes": {}}', '{"attributes": []}', '{"attributes": "x", "subclasses": []}',
        reply(phrases(*GOOD))[:-1],
        reply(phrases(*GOOD)) + reply(phrases(*GOOD[1:])),
        '{"draft": 1}' + reply(phrases(*GOOD)), "[" + reply(phrases(*GOOD)) + ', {"a": 1}]',
        '{"attributes": [], ' + reply(phrases(*GOOD))[1:],
        reply(phrases(*GOOD, "x" * 10_000_000)),
        "[" * 100_000, '{"attributes":' * 100_000, "1" * 5000, "```", "``````", "```json\n```",
        "\x00", "\ud800", "NaN", "x" * 10_000_000, '{"attributes": ["' + "y" * 10_000_000 + '"]}',
        "```\n" + "\n" * 100_000 + "x",
    ],
    ids=lambda raw: repr(raw[:24]),
)  # fmt: skip
def test_reply_that_is_not_the_json_asked_for__is_invalid(raw: str):
    answer = parse_reply(raw, ASKED)
    assert (answer.status, answer.rows) == ("invalid", ())
    assert answer.error.isprintable()
    assert 0 < len(answer.error) <= 300
