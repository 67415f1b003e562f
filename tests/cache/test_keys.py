"""Keys: one key for one meaning, another for any other."""

import json
import math
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langseg.cache.keys import (
    RequestKeys,
    canonical_json,
    normalise_text,
    request_key,
    sha256_hex,
    text_id,
)

settings.register_profile(  # a busy machine is no fault of the code
    "patient", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
KEY: dict[str, Any] = {
    "model": "a-model",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "wall"}],
    "params": {"temperature": 0.7, "seed": None},
    "schema": {"type": "object"},
    "sample_index": 0,
}
plain_text = st.text(st.characters(exclude_categories=["Cs"]))  # UTF-8 holds no lone surrogate
scalars = st.none() | st.booleans() | st.integers() | plain_text | st.floats(allow_nan=False)
finite = scalars.filter(lambda value: not isinstance(value, float) or math.isfinite(value))
values = st.recursive(
    finite, lambda item: st.lists(item) | st.dictionaries(plain_text, item), max_leaves=20
)


@pytest.mark.slow
@given(st.dictionaries(plain_text, values), st.randoms(use_true_random=False))
def test_canonical_json__does_not_depend_on_the_order_of_keys(value, chance):
    items = list(value.items())
    chance.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


@pytest.mark.slow
@given(values)
def test_canonical_json__says_the_same_value_and_says_it_once(value):
    text = canonical_json(value)
    assert json.loads(text) == json.loads(json.dumps(value))
    assert canonical_json(json.loads(text)) == text


@given(st.integers(-(2**53), 2**53))
def test_canonical_json__writes_1_and_1_0_alike(number):
    assert canonical_json({"top_k": float(number)}) == canonical_json({"top_k": number})


@pytest.mark.slow
@given(st.integers(), values)
def test_canonical_json__tells_true_from_1_and_none_from_absent(number, value):
    assert canonical_json([True, number]) != canonical_json([1, number])
    assert canonical_json({"seed": None, "x": value}) != canonical_json({"x": value})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_canonical_json__refuses_what_is_no_number(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"temperature": [number]})


@pytest.mark.parametrize("value", [{1: "x"}, {"x": {2.0: 1}}, {"x": b"bytes"}, {"x": {1, 2}}])
def test_canonical_json__refuses_what_json_cannot_hold(value):
    with pytest.raises(TypeError):
        canonical_json(value)


def test_request_key__is_the_same_forever():
    assert request_key(**KEY) == request_key(**json.loads(json.dumps(KEY)))
    assert request_key(**KEY) == (
        "e860cc10aed231e56fcd65f21ff0a340ba715a826bd2da8f8d911b42776a4f8b"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another-model"},
        {"messages": KEY["messages"][::-1]},
        {"messages": [{"role": "user", "content": "be brief"}, KEY["messages"][1]]},
        {"messages": [KEY["messages"][0], {"role": "user", "content": "walls"}]},
        {"params": {"temperature": 0.8, "seed": None}},
        {"params": {"temperature": 0.7}},
        {"params": {"temperature": 0.7, "seed": 0}},
        {"schema": {"type": "object", "additionalProperties": False}},
        {"sample_index": 1},
    ],
)
def test_request_key__changes_with_everything_that_reaches_the_model(change):
    assert request_key(**{**KEY, **change}) != request_key(**KEY)


@given(plain_text, plain_text)
def test_text_id__is_one_for_one_text_and_two_for_two(one, other):
    assert (text_id(one) == text_id(other)) == (normalise_text(one) == normalise_text(other))


@given(plain_text)
def test_text_id__does_not_see_unicode_form_or_white_space(text):
    decomposed = unicodedata.normalize("NFD", text)
    assert text_id(f"\n {decomposed}\t ") == text_id(unicodedata.normalize("NFC", text))


def test_normalise_text__folds_every_white_space_but_no_letter_case():
    assert normalise_text("  bright\u00a0red\r\n\u2003Brick ") == "bright red Brick"
    assert normalise_text("cafe\u0301") == "caf\u00e9"


@given(plain_text)
def test_normalise_text__done_twice_is_done_once(text):
    assert normalise_text(normalise_text(text)) == normalise_text(text)


def test_sha256_hex__takes_text_as_utf_8():
    assert sha256_hex("h\u00e4ufig") == sha256_hex("h\u00e4ufig".encode())


odd_text = plain_text | st.sampled_from(
    [
        'a "quoted" \\ name',
        "one\u2028two\u2029three",
        "\x00\x1f\x7f",
        "h\u00e4ufig \U0001f6aa",
        '"}]',
    ]
)
messages = st.lists(
    st.fixed_dictionaries({"role": odd_text, "content": odd_text}), min_size=1, max_size=3
)


@given(
    messages,
    odd_text,
    st.dictionaries(odd_text, finite, max_size=4),
    st.dictionaries(odd_text, finite, max_size=4),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
def test_request_keys__give_the_key_of_the_whole_request_wherever_it_is_cut(
    messages, model, params, schema, sample, chance
):
    whole = canonical_json(messages)
    cut = chance.randrange(len(whole) + 1)
    keys = RequestKeys(model=model, params=params, schema=schema, opening=whole[:cut])
    wanted = request_key(
        model=model, messages=messages, params=params, schema=schema, sample_index=sample
    )
    assert keys.key(whole[cut:], sample) == wanted
    assert keys.key(whole[cut:], sample) == wanted  # a key leaves nothing behind for the next


def test_request_keys__refuse_a_lone_surrogate_as_request_key_does():
    content = [{"role": "user", "content": "wall \ud800"}]
    with pytest.raises(UnicodeEncodeError):
        request_key(**{**KEY, "messages": content})
    shared = {name: KEY[name] for name in ("model", "params", "schema")}
    whole = canonical_json(content)
    with pytest.raises(UnicodeEncodeError):
        RequestKeys(**shared, opening=whole)
    with pytest.raises(UnicodeEncodeError):
        RequestKeys(**shared, opening=whole[:5]).key(whole[5:], 0)


@pytest.mark.parametrize("part", ["params", "schema"])
def test_request_keys__refuse_what_is_no_number_as_request_key_does(part):
    shared = {name: KEY[name] for name in ("model", "params", "schema")}
    with pytest.raises(ValueError, match="JSON compliant"):
        RequestKeys(**{**shared, part: {"x": math.nan}}, opening="[]")
