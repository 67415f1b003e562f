"""Of everything a store holds, a vocabulary gets the newest answers that mean its classes."""

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import Request
from langseg.descriptors.plan import plan_requests
from langseg.descriptors.prompts import load_prompt
from langseg.descriptors.select import select_answers
from langseg.descriptors.vocabulary import ClassEntry, Vocabulary

VOCABULARY = Vocabulary(
    name="three",
    classes=(
        ClassEntry(name="wall", id=1),
        ClassEntry(name="screen", id=2, synonyms=("projection screen",)),
        ClassEntry(name="sky", id=3),
    ),
    ignore_ids=(0,),
    scenes={"kitchen": ("wall",)},
)


def asked(model: str = "m", vocabulary: Vocabulary = VOCABULARY, **counts: int) -> list[Request]:
    return list(plan_requests(vocabulary, load_prompt(**counts), model, {"temperature": 0}))


def at(requests: list[Request], time: str) -> dict[str, str]:
    return {request.request_key: time for request in requests}


def test_select__takes_every_pair_of_the_only_model():
    requests = asked()
    found = select_answers(VOCABULARY, requests, at(requests, "2026-01"))
    assert (found.model, found.unanswered) == ("m", ())
    assert found.keys == {request.request_key for request in requests}


def test_select__prefers_the_model_that_answered_last_unless_one_is_named():
    old, new = asked("old"), asked("new")
    times = at(old, "2026-01") | at(new, "2026-02")
    assert select_answers(VOCABULARY, old + new, times).model == "new"
    assert select_answers(VOCABULARY, old + new, times, "old").keys == set(at(old, ""))


def test_select__takes_the_newest_prompt_of_each_pair():
    eight, ten = asked(n_attributes=8), asked(n_attributes=10)
    times = at(eight, "2026-01") | at(ten, "2026-02")
    generic = {request.request_key for request in ten if request.scene == "*"}
    found = select_answers(VOCABULARY, eight + ten, times)
    assert generic <= found.keys
    assert not found.keys & {request.request_key for request in eight if request.scene == "*"}


def test_select__keeps_all_samples_of_the_newest_prompt():
    requests = list(plan_requests(VOCABULARY, load_prompt(), "m", {}, samples=3))
    times = {request.request_key: f"2026-{i:02}" for i, request in enumerate(requests)}
    assert len(select_answers(VOCABULARY, requests, times).keys) == 12


def test_select__never_mixes_two_senses_of_one_name():
    other = Vocabulary(
        name="windows", classes=(ClassEntry(name="screen", id=1, definition="a fly screen"),),
        ignore_ids=(0,), scenes={},
    )  # fmt: skip
    requests = asked(vocabulary=other)
    with pytest.raises(InputError, match="langseg-desc generate"):
        select_answers(VOCABULARY, requests, at(requests, "2026-01"))


def test_select__names_the_classes_without_an_accepted_answer():
    requests = asked()
    times = {r.request_key: "2026-01" for r in requests if r.class_name == "sky"}
    assert select_answers(VOCABULARY, requests, times).unanswered == ("wall", "screen")


def test_select__names_the_models_there_are_when_another_is_wanted():
    requests = asked()
    with pytest.raises(InputError, match="it has some of m"):
        select_answers(VOCABULARY, requests, at(requests, "2026-01"), "gpt")
