"""A store's LLM answers tell which classes are plausible in which scenes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.records import Request, Response
from langseg.cache.store.store import Store
from langseg.descriptors.bank.stored_scenes import stored_scenes
from langseg.descriptors.generation.answers import answer_tables, parsed
from langseg.descriptors.generation.settled import with_longer_reply
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=n, id=i) for i, n in enumerate(("wall", "bed", "sink"), 1)),
    ignore_ids=(0,),
    scenes={"bedroom": ("bed",), "kitchen": ("sink", "wall")},
)
NAMES = ("wall", "bed", "sink")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def asked(names: Any = NAMES, model: str = "m") -> Iterator[Request]:
    params = {"temperature": 0, "max_completion_tokens": 100}
    return plausible_requests(names, ("bar", "attic"), model, params)


def answer(store: Store, request: Request, text: str, status: str = "ok", at: int = 1) -> None:
    response = Response(
        request_key=request.request_key, attempt=at, status=status, raw_text=text,
        finish_reason="stop", provider="replay", dialect="", served_model="m",
        system_fingerprint="",
        prompt_tokens=1, completion_tokens=1, cached_tokens=0, cost_usd=None, latency_s=0.1,
        created_at=f"2026-11-0{at}T00:00:00+00:00", error="", run_id="run",
    )  # fmt: skip
    with store.writer() as writer:
        writer.commit(answer_tables([parsed((request, response))]))


def scenes_from(store: Store, model: str = "", vocabulary: Vocabulary = ROOMS) -> Any:
    return stored_scenes(store, vocabulary, ("bar", "attic"), model)


def test_stored__answers_tell_the_classes_in_the_order_of_scenes_and_vocabulary(store: Store):
    bar, attic = asked()
    answer(store, attic, '{"classes": ["bed", "wall", "spoon"]}')
    assert scenes_from(store) == {"attic": ("wall", "bed")}
    answer(store, bar, '```json\n{"classes": ["SINK"]}\n```')
    assert list(scenes_from(store).items()) == [("bar", ("sink",)), ("attic", ("wall", "bed"))]


@pytest.mark.parametrize("status", ["invalid", "refused", "truncated", "empty", "failed"])
def test_stored__answers_that_were_not_accepted_tell_nothing(store: Store, status: str):
    answer(store, next(asked()), '{"classes": ["bed"]}', status)
    assert scenes_from(store) == {}


def test_stored__of_two_accepted_answers_the_newest_tells(store: Store):
    for at, name in enumerate(("bed", "sink"), 1):
        answer(store, next(asked()), json.dumps({"classes": [name]}), at=at)
    assert scenes_from(store) == {"bar": ("sink",)}


def test_stored__answers_of_another_model_or_vocabulary_tell_nothing(store: Store):
    answer(store, next(asked()), '{"classes": ["bed"]}')
    assert scenes_from(store, "m") == scenes_from(store) == {"bar": ("bed",)}
    assert scenes_from(store, "other") == {}
    others = replace(ROOMS, classes=ROOMS.classes[:2], scenes={})
    assert scenes_from(store, vocabulary=others) == {}
    assert stored_scenes(store, ROOMS, ("attic",), "") == {}
    assert stored_scenes(store, ROOMS, (), "") == {}


def test_stored__an_answer_to_a_longer_limit_tells_as_well(store: Store):
    bar = next(asked())
    longer = with_longer_reply(bar)
    assert longer is not None
    answer(store, bar, '{"classes": ["be', "truncated")
    answer(store, longer, '{"classes": ["bed"]}')
    assert scenes_from(store) == {"bar": ("bed",)}


def test_stored__answers_name_classes_as_they_are_said(store: Store):
    entries = (ClassEntry(name="bunk_bed", id=1), ClassEntry(name="wall-other", id=2))
    words = replace(ROOMS, classes=entries, scenes={})
    request = next(asked(tuple(words.said_names.values())))
    assert '["bunk bed", "wall"]' in json.loads(request.messages_json)[1]["content"]
    answer(store, request, '{"classes": ["wall", "bunk bed"]}')
    assert scenes_from(store, vocabulary=words) == {"bar": ("bunk_bed", "wall-other")}
