"""A file's phrases take the way of every reply: strictly checked, or openly kept as published."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import InputError
from langseg.cache.records import NAME_SLOT, SLOTS, Request, Response
from langseg.descriptors.bank.select import select_answers
from langseg.descriptors.exchange.imported_file import ForeignPhrase, ForeignSet
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.imported import MAX_PHRASES
from langseg.descriptors.prompts.replies import REASONS, ParsedReply, parse_reply
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.imported import (
    AS_PUBLISHED,
    ImportProvider,
    model_id,
    reason_counts,
)
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ROOMS = Vocabulary(
    name="rooms",
    classes=(ClassEntry(name="wall", id=1), ClassEntry(name="bed", id=2, synonyms=("cot",))),
    ignore_ids=(0, 255),
    scenes={"kitchen": ("wall",)},
)
SENTENCE = "A wall is a vertical structure that encloses a space, and it is made of bricks."
PHRASES = (
    ForeignPhrase(text=SENTENCE, class_name="wall", source="GPT-3"),
    ForeignPhrase(text="rows of reddish blocks.", class_name="wall"),
    ForeignPhrase(text="Rows of  reddish blocks", class_name="wall"),
    ForeignPhrase(text="grid of glossy squares", class_name="wall", subclass="tiled wall"),
    ForeignPhrase(text="smells of paint", class_name="wall", slot="smell"),
    ForeignPhrase(text="=cmd|' /C calc'!A0", class_name="wall"),
    ForeignPhrase(text="bricks", class_name="wall"),
    ForeignPhrase(text="low soft rectangle", class_name="bed", slot="shape"),
    ForeignPhrase(text="greasy tiles", class_name="wall", scene="kitchen", slot="material"),
)
FILE = ForeignSet(file="cupl.json", form="JSON rows", sha256="ab" * 32, phrases=PHRASES)

Row = tuple[str, str, str, str]  # subclass, slot, text, rejected


def answered(provider: ImportProvider) -> list[tuple[Request, Response, ParsedReply]]:
    async def collect() -> list[tuple[Request, Response]]:
        return [row async for row in provider.answer(provider.plan, Budget())]

    rows = asyncio.run(collect())
    return [(req, response, parse_reply(response.raw_text, req)) for req, response in rows]


def rows_of(reply: ParsedReply) -> list[Row]:
    texts = {text.text_id: text.text for text in reply.texts}
    return [(row.subclass, row.slot, texts[row.text_id], row.rejected) for row in reply.rows]


def test_import__is_checked_as_a_models_reply_and_keeps_what_is_dropped():
    (wall, _, reply), (bed, _, _), (kitchen, _, _) = answered(ImportProvider(FILE, ROOMS))
    assert [(r.class_name, r.scene) for r in (wall, bed, kitchen)] == [
        ("wall", "*"), ("bed", "*"), ("wall", "kitchen"),
    ]  # fmt: skip
    assert rows_of(reply) == [
        ("", "any", SENTENCE, "too_long"),
        ("", "any", "rows of reddish blocks", ""),
        ("", "any", "Rows of reddish blocks", "duplicate"),
        ("", "smell", "smells of paint", "wrong_slot"),
        ("", "any", "=cmd|' /C calc'!A0", "hostile"),
        ("", "any", "bricks", "too_short"),
        ("tiled wall", NAME_SLOT, "tiled wall", ""),
        ("tiled wall", "any", "grid of glossy squares", ""),
    ]


def test_as_published__keeps_words_and_spelling_and_the_reasons_beside_them():
    provider = ImportProvider(FILE, ROOMS, as_published=True)
    _, response, reply = answered(provider)[0]
    assert [row for row in rows_of(reply) if row[3]] == [
        ("", "any", "Rows of reddish blocks", "duplicate"),
        ("", "any", "=cmd|' /C calc'!A0", "hostile"),
    ]
    accepted = [row[:3] for row in rows_of(reply) if not row[3]]
    assert ("", "any", SENTENCE) in accepted
    assert ("", "any", "rows of reddish blocks.") in accepted
    assert ("", "any", "smells of paint") in accepted
    assert ("tiled wall", "any", "grid of glossy squares") in accepted
    flags = {item["text"]: item["flag"] for item in json.loads(response.raw_text)["published"]}
    assert flags[SENTENCE] == "too_long"
    assert flags["rows of reddish blocks."] == ""
    verdicts = [one for one in provider.verdicts if not one.rejected]
    assert reason_counts(verdicts, flags=True) == {"too_long": 1, "wrong_slot": 1, "too_short": 1}


def test_class__whose_name_is_not_plain_keeps_its_subclasses_and_loses_phrases_that_say_a_part():
    words = replace(ROOMS, classes=(ClassEntry(name="wall/partition", id=1),), scenes={})
    phrases = (
        ForeignPhrase(text="grid of squares", class_name="wall", subclass="tiled wall"),
        ForeignPhrase(text="thin partitions", class_name="Partition"),
    )
    ((request, _, reply),) = answered(ImportProvider(replace(FILE, phrases=phrases), words))
    assert request.class_name == "wall/partition"
    assert [row[1:] for row in rows_of(reply)] == [
        ("any", "thin partitions", "names_class"), ("name", "tiled wall", ""),
        ("any", "grid of squares", ""),
    ]  # fmt: skip


def test_two_ways_to_keep_a_file__are_two_sets():
    strict, loose = ImportProvider(FILE, ROOMS), ImportProvider(FILE, ROOMS, as_published=True)
    assert (strict.model, loose.model) == ("import:cupl", f"import:cupl{AS_PUBLISHED}")
    keys = [{request.request_key for request in one.plan} for one in (strict, loose)]
    assert not keys[0] & keys[1]


def test_response__names_file_form_and_sources_and_says_that_no_llm_was_called():
    request, response, _ = answered(ImportProvider(FILE, ROOMS))[0]
    assert response.served_model == (
        "file cupl.json (JSON rows): imported, no LLM was called; its rows name the source 'GPT-3'"
    )
    assert (response.provider, response.status, response.cost_usd) == ("import", "ok", 0.0)
    assert request.prompt_id.startswith("import_v1@")
    assert json.loads(request.params_json)["file_sha256"] == FILE.sha256


def test_request__changes_with_the_file_and_with_the_classes_it_is_matched_to():
    more = replace(ROOMS, classes=(ClassEntry(name="sky", id=3), *ROOMS.classes))
    providers = [
        ImportProvider(FILE, ROOMS),
        ImportProvider(replace(FILE, sha256="cd" * 32), ROOMS),
        ImportProvider(FILE, more),
    ]
    assert len({next(iter(provider.plan)).request_key for provider in providers}) == 3


def test_slot_any__is_no_slot_of_a_models_reply():
    request = next(iter(describe_requests(ROOMS, some_prompt(n_attributes=1), "m", {})))
    reply = {"attributes": [{"slot": "any", "text": "flat plaster"}], "subclasses": []}
    assert "wrong_slot 1" in parse_reply(json.dumps(reply), request).error


def test_class_with_nothing_but_dropped_phrases__is_kept_with_its_reasons():
    alone = replace(FILE, phrases=PHRASES[:1])
    ((_, _, reply),) = answered(ImportProvider(alone, ROOMS))
    assert (reply.status, rows_of(reply)[0][3]) == ("ok", "too_long")


@pytest.mark.parametrize("count", [MAX_PHRASES, MAX_PHRASES + 1])
def test_class_with_too_many_phrases__is_named(count: int):
    phrases = [ForeignPhrase(text=f"stripe number {n}", class_name="bed") for n in range(count)]
    many = replace(FILE, phrases=tuple(phrases))
    if count <= MAX_PHRASES:
        assert len(ImportProvider(many, ROOMS).verdicts) == count
    else:
        with pytest.raises(
            InputError, match=r"cupl\.json: class 'bed': .*5000 .*got 5001; keep the best"
        ):
            ImportProvider(many, ROOMS)


def test_phrases_too_long_for_one_reply__are_an_error_that_names_the_class():
    phrases = [ForeignPhrase(text="\x01" * 1000, class_name="bed") for _ in range(400)]
    with pytest.raises(InputError, match=r"cupl\.json: class 'bed': .*characters"):
        ImportProvider(replace(FILE, phrases=tuple(phrases)), ROOMS)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("mine", "import:mine"), ("import:mine", "import:mine"), ("a b/../c", "import:a-b-..-c"),
        ("\x1b\u202e", "import:set"), (f"mine{AS_PUBLISHED}", "import:mine"),
    ],
)  # fmt: skip
def test_model_id__is_plain(name: str, model: str):
    assert model_id(name, as_published=False) == model
    assert model_id(name, as_published=True) == model + AS_PUBLISHED


def chosen(providers: list[ImportProvider], more: list[Request], model: str = "") -> Any:
    """What is selected of requests that were answered one provider after the other."""
    requests = [*more, *(request for one in providers for request in one.plan)]
    at = {request.request_key: f"2026-{n:04}" for n, request in enumerate(requests)}
    return select_answers(ROOMS, requests, at, model)


def test_import__does_not_push_a_models_answers_aside():
    asked = list(describe_requests(replace(ROOMS, scenes={}), some_prompt(), "m", {}))
    imported = ImportProvider(FILE, ROOMS)
    assert chosen([imported], asked).model == "m"
    assert chosen([imported], asked, "import:cupl").keys == {r.request_key for r in imported.plan}
    assert chosen([imported], []).model == "import:cupl"


def test_file_that_was_changed__replaces_all_of_the_file_before():
    before = ImportProvider(FILE, ROOMS)
    after = ImportProvider(replace(FILE, sha256="cd" * 32, phrases=PHRASES[:7]), ROOMS)
    found = chosen([before, after], [])
    assert found.keys == {request.request_key for request in after.plan}
    assert [asking.subjects for asking in found.askings if asking.about == "classes"] == [1]


def test_set_of_that_name_for_other_classes__does_not_come_between():
    other = replace(ROOMS, classes=(ClassEntry(name="sky", id=3), *ROOMS.classes))
    own, others = ImportProvider(FILE, ROOMS), ImportProvider(FILE, other)
    assert chosen([own, others], []).keys == {request.request_key for request in own.plan}


FIELDS = st.builds(
    ForeignPhrase,
    text=st.text(max_size=30) | st.sampled_from([phrase.text for phrase in PHRASES]),
    class_name=st.sampled_from(["wall", "bed"]),
    subclass=st.sampled_from(["", "tiled wall", "wall", "\u202e", "name"]),
    slot=st.sampled_from(["any", "name", "smell", *SLOTS]),
    scene=st.sampled_from(["*", "kitchen"]),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=8), st.booleans())
def test_any_set__is_stored_phrase_by_phrase(phrases: list[ForeignPhrase], as_published: bool):
    found = replace(FILE, phrases=tuple(phrases))
    try:
        provider = ImportProvider(found, ROOMS, as_published=as_published)
    except InputError as exc:
        assert "wanted phrases about classes" in str(exc)  # noqa: PT017
        return
    replies = [reply for _, _, reply in answered(provider)]
    rows = [row for reply in replies for row in rows_of(reply)]
    assert {reply.status for reply in replies} == {"ok"}
    assert {row[3] for row in rows} <= {"", *REASONS}
    placed = [p for p in phrases if (p.class_name, p.scene) != ("bed", "kitchen")]
    own_names = [p for p in placed if p.slot == NAME_SLOT and p.text == p.subclass != ""]
    subclasses = {(p.class_name, p.scene, p.subclass) for p in placed if p.subclass}
    assert len(provider.verdicts) == len(placed) - len(own_names)
    assert len(rows) == len(provider.verdicts) + len(subclasses)
    assert all(text.isprintable() for row in rows for text in row)
