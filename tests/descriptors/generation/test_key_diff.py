"""A key can be taken apart, and two keys that differ differ in something that can be named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langseg.cache.errors import CorruptError, InputError
from langseg.cache.keys import KEY_VERSION, canonical_json, request_key, sha256_hex
from langseg.cache.records import TABLES, Request, to_table
from langseg.cache.store.store import Store
from langseg.descriptors.generation.key_diff import (
    NOT_IN_KEY,
    TextPart,
    differences,
    explain,
    find_request,
    nearest,
)
from langseg.descriptors.prompts.contrast import contrast_requests
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ROOMS = Vocabulary(
    name="rooms",
    classes=(
        ClassEntry(name="wall", id=1, synonyms=("partition",), definition="side of a room"),
        ClassEntry(name="bed", id=2),
        ClassEntry(name="sink", id=3),
    ),
    ignore_ids=(0,),
    scenes={"kitchen": ("wall", "sink")},
)
PARAMS = {"temperature": None, "max_completion_tokens": 2048}


def plan(
    model: str = "m", samples: int = 1, params: dict[str, Any] | None = None, **counts: int
) -> list[Request]:
    asked = PARAMS if params is None else params
    return list(describe_requests(ROOMS, some_prompt(**counts), model, asked, samples))


WALL = plan()[0]


def rekeyed(request: Request, **changes: Any) -> Request:
    """A request with other columns, and the key of those."""
    other = replace(request, **changes)
    key = request_key(
        model=other.model,
        messages=json.loads(other.messages_json),
        params=json.loads(other.params_json),
        schema=json.loads(other.schema_json),
        sample_index=other.sample_index,
    )
    return replace(other, request_key=key)


def stored(path: Path, *commits: list[Request]) -> Store:
    store = Store.open(path / "store", create=True)
    with store.writer() as writer:
        for requests in commits:
            tables = {name: to_table(kind, []) for name, kind in TABLES.items()}
            writer.commit({**tables, "requests": to_table(Request, requests)})
    return store


def test_explain__tells_every_part_of_the_key_and_what_is_no_part():
    part = explain(WALL)
    assert (part.key_version, part.model, part.sample_index) == (KEY_VERSION, "m", 0)
    assert part.params == {"temperature": None, "max_completion_tokens": 2048}
    assert part.schema.sha256 == sha256_hex(WALL.schema_json)
    assert part.schema.counts == {
        "attributes": 8, "subclasses": 4, "subclasses.descriptors": 1,
    }  # fmt: skip
    for word in ("provider", "mode", "URL", "API key", "retries", "concurrency", "prompt_id"):
        assert any(word in line for line in NOT_IN_KEY)


def test_explain__tells_system_user_and_data_apart():
    messages = explain(WALL).messages
    assert [message.part for message in messages] == ["system", "user"]
    system, user = json.loads(WALL.messages_json)
    text = system["content"]
    assert messages[0] == TextPart(part="system", chars=len(text), sha256=sha256_hex(text))
    data = explain(WALL).data
    assert {entry.part: entry.value for entry in data} == {
        "Scene": "*",
        "Class": {
            "name": "wall", "synonyms": ["partition"], "definition": "side of a room",
        },
    }  # fmt: skip
    assert messages[1].chars < len(user["content"]) - sum(entry.chars for entry in data)


def test_explain__knows_the_data_of_every_kind_of_request():
    asked = plausible_requests(["wall", "bed"], ["kitchen"], "m", PARAMS)
    (plausible,) = [explain(request) for request in asked]
    assert [entry.part for entry in plausible.data] == ["Classes", "Scene"]
    assert plausible.schema.counts == {"classes": "0 to 2"}
    alike = contrast_requests(ROOMS, {"wall": ["bed"]}, "m", PARAMS)
    (contrast,) = [explain(request) for request in alike]
    assert [entry.part for entry in contrast.data] == ["Look-alikes", "Class"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("request_key", "0" * 64), ("model", "n"), ("sample_index", 1), ("params_json", "{}"),
        ("messages_json", "[]"), ("messages_json", "["), ("messages_json", "{}"),
        ("messages_json", '[{"role":"user"}]'), ("schema_json", "{}"), ("schema_json", "NaN"),
    ],
)  # fmt: skip
def test_row_whose_key_is_not_its_own__is_corrupt(column: str, value: Any):
    damaged = replace(WALL, **{column: value})
    with pytest.raises(CorruptError, match="langseg-desc verify"):
        explain(damaged)
    with pytest.raises(CorruptError):
        differences(WALL, damaged)


def test_equal_keys__have_no_differences_whatever_is_not_in_them():
    assert differences(WALL, WALL) == []
    other = replace(WALL, prompt_id="mine@0", class_name="x", scene="y")
    assert differences(WALL, other) == []


@pytest.mark.parametrize(
    ("other", "lines"),
    [
        (plan(model="n")[0], ['model: "m" / "n"']),
        (plan(samples=2)[1], ["sample_index: 0 / 1"]),
        (
            plan(params={**PARAMS, "temperature": 0.5, "seed": 7})[0],
            ["params temperature: null / 0.5", "params seed: absent / 7"],
        ),
        (plan()[1], ['data Class name: "wall" / "bed"',
                     'data Class synonyms: ["partition"] / []',
                     'data Class definition: "side of a room" / ""']),
    ],
)  # fmt: skip
def test_differences__name_the_part_and_both_values(other: Request, lines: list[str]):
    assert differences(WALL, other) == lines


def test_differences__tell_a_number_from_a_truth_value_and_no_number_from_itself():
    one, true, float_one = (plan(params={"seed": seed})[0] for seed in (1, True, 1.0))
    assert differences(one, true) == ["params seed: 1 / true"]
    assert differences(one, float_one) == []


def test_differences__of_counts_are_in_the_schema_and_in_the_task():
    lines = differences(WALL, plan(n_attributes=9)[0])
    assert lines[:2] == [
        "schema properties attributes maxItems: 8 / 9",
        "schema properties attributes minItems: 8 / 9",
    ]
    assert lines[2].startswith("user: from character ")
    assert '"' in lines[2]
    assert len(lines) == 3


def test_differences__of_a_reworded_prompt_name_both_prompts_and_the_place():
    messages = json.loads(WALL.messages_json)
    messages[0]["content"] = messages[0]["content"].replace("image segmentation", "photo")
    other = rekeyed(WALL, messages_json=canonical_json(messages), prompt_id="visual_v2@1")
    (line,) = differences(WALL, other)
    assert line.startswith(f"system (prompt {WALL.prompt_id} / visual_v2@1): from character ")
    assert "image segm" in line
    assert "photo" in line
    assert len(line) < 300


def test_differences__of_a_missing_message_and_of_spelling_alone_are_told():
    messages = json.loads(WALL.messages_json)
    lines = differences(WALL, rekeyed(WALL, messages_json=canonical_json(messages[1:])))
    assert len(lines) == 1
    assert lines[0].startswith("system: ")
    assert lines[0].endswith(" / absent")
    messages[1]["content"] = messages[1]["content"].replace('"name": ', '"name":  ')
    spaced = rekeyed(WALL, messages_json=canonical_json(messages))
    assert differences(WALL, spaced) == ["messages: the same texts and values, written differently"]


def test_differences__are_few_and_printable_whatever_is_stored():
    many = {f"p\u202e{n}": "\x1b[31m" + "x" * 5000 for n in range(50)}
    lines = differences(WALL, plan(params=many)[0])
    assert len(lines) == 9
    assert lines[-1] == "params: and 44 more"
    assert all(line.isprintable() and len(line) < 250 for line in lines)


values = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.text())


@given(
    model=st.sampled_from(["m", "n"]),
    sample=st.integers(0, 1),
    params=st.dictionaries(st.sampled_from(["seed", "temperature"]), values),
    text=st.sampled_from(["describe", "say", "say\nClass: 1", "say\nClass: 2", "say\nClass:  2"]),
    schema=st.sampled_from([{}, {"maxItems": 1}, {"maxItems": 1.0}, {"maxItems": True}]),
    again=st.booleans(),
)
def test_differences__are_none_exactly_when_the_keys_are_equal(
    model: str, sample: int, params: dict[str, Any], text: str, schema: dict[str, Any], again: bool
):
    base = rekeyed(
        WALL,
        messages_json=canonical_json([{"role": "user", "content": "say\nClass: 1"}]),
        params_json=canonical_json({"seed": 1}),
        schema_json="{}",
    )
    other = base if again else rekeyed(
        base,
        model=model,
        sample_index=sample,
        params_json=canonical_json(params),
        messages_json=canonical_json([{"role": "user", "content": text}]),
        schema_json=canonical_json(schema),
    )  # fmt: skip
    assert (differences(base, other) == []) == (base.request_key == other.request_key)
    assert len(differences(base, other)) == len(differences(other, base))
    explain(other)


def test_find_request__takes_eight_digits_in_any_part_of_the_store(tmp_path: Path):
    first, second = plan(), plan(model="n")
    store = stored(tmp_path, first, second + first[:1])  # asked twice is there twice
    for request in (*first, *second):
        assert find_request(store, request.request_key[:8]) == request
        assert find_request(store, f" {request.request_key.upper()}") == request


def test_find_request__refuses_what_no_key_or_several_begin_with(tmp_path: Path):
    same = [replace(WALL, request_key=f"abcdef0{n}{'0' * 56}") for n in (1, 2, 3)]
    clash = [replace(WALL, request_key=f"abcdef01{n}{'0' * 55}") for n in range(1, 8)]
    store = stored(tmp_path, same, clash)
    with pytest.raises(InputError, match="begins with 12345678, got none"):
        find_request(store, "12345678")
    with pytest.raises(InputError, match=r"wanted one request, 8 have it: .*, \.\.\.; give more"):
        find_request(store, "abcdef01")
    for wrong in ("", "abcdef0", "abcdefgh", "ab%defff", "0" * 65, "\x1b[31mabc"):
        with pytest.raises(InputError, match="wanted 8 to 64 hex digits") as caught:
            find_request(store, wrong)
        assert str(caught.value).isprintable()
    empty = Store.open(tmp_path / "empty", create=True)
    with pytest.raises(InputError, match="got none"):
        find_request(empty, "abcdef01")


def test_nearest__is_the_one_that_shares_most_parts(tmp_path: Path):
    asked = plan(params={"temperature": 0})[0]
    far = plan(model="n", params={"temperature": 1}, n_attributes=9)
    near, kitchen = plan(params={"temperature": 1}), plan(params={"temperature": 0})[3:]
    store = stored(tmp_path, far, near, kitchen, far[:1])
    found = nearest(store, asked)
    assert found == near[0]
    assert differences(asked, near[0]) == ["params temperature: 0 / 1"]
    assert nearest(store, rekeyed(asked, sample_index=3)) is None
    assert nearest(store, replace(asked, class_name="lamp")) is None


def test_nearest__is_never_the_request_itself_and_of_several_the_last(tmp_path: Path):
    one, other = plan(params={"seed": 1})[0], plan(params={"seed": 2})[0]
    store = stored(tmp_path, [one], [other], [WALL])
    assert nearest(store, WALL) == other
    assert nearest(stored(tmp_path / "alone", [WALL]), WALL) is None


def test_lookups__leave_the_texts_of_other_parts_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = stored(tmp_path, plan(), plan(model="n")[1:2])
    read: list[tuple[str, ...]] = []
    really = Store.read_parts

    def noting(self: Store, parts: Any, wanted: Any) -> Any:
        read.append(tuple(wanted.names))
        return really(self, parts, wanted)

    monkeypatch.setattr(Store, "read_parts", noting)
    find_request(store, WALL.request_key)
    nearest(store, plan(model="x")[2])
    assert len([names for names in read if "messages_json" in names]) == 2
    assert len(read) == 2 + 1 + 1 + 2 + 1
