"""Of everything a store holds, a vocabulary gets the newest answers that mean its classes."""

from dataclasses import replace

import pytest

from langseg.cache.errors import InputError
from langseg.cache.records import Request
from langseg.descriptors.bank.select import Selection, select_answers
from langseg.descriptors.generation.settled import with_longer_reply
from langseg.descriptors.prompts.contrast import contrast_requests
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.providers.bundled import BundledProvider
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

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
    return list(describe_requests(vocabulary, some_prompt(**counts), model, {"temperature": 0}))


def at(requests: list[Request], time: str) -> dict[str, str]:
    return {request.request_key: time for request in requests}


def described_classes(found: Selection) -> int:
    return sum(asking.subjects for asking in found.askings if asking.about == "classes")


def test_select__takes_every_pair_of_the_only_model():
    requests = asked()
    found = select_answers(VOCABULARY, requests, at(requests, "2026-01"))
    assert (found.model, described_classes(found)) == ("m", 3)
    assert found.keys == {request.request_key for request in requests}


def test_select__prefers_the_model_that_answered_last_unless_one_is_named():
    old, new = asked("old"), asked("new")
    times = at(old, "2026-01") | at(new, "2026-02")
    assert select_answers(VOCABULARY, old + new, times).model == "new"
    assert select_answers(VOCABULARY, old + new, times, "old").keys == set(at(old, ""))


def test_select__prefers_what_covers_more_to_what_is_newer():
    whole, part = asked("whole"), [r for r in asked("part") if r.class_name == "sky"]
    times = at(whole, "2026-01") | at(part, "2026-02")
    assert select_answers(VOCABULARY, whole + part, times).model == "whole"


@pytest.mark.slow
def test_two_vocabularies_in_one_store__keep_their_own_bundled_answers():
    plans = {}
    for name in ("ade20k", "camvid"):  # sky is a class of both
        vocabulary = load_vocabulary(name)
        pack = BundledProvider(vocabulary)
        plans[name] = describe_requests(vocabulary, some_prompt(), pack.model, pack.params)
    both = [*plans["ade20k"], *plans["camvid"]]
    times = at(list(plans["ade20k"]), "2026-01") | at(list(plans["camvid"]), "2026-02")
    for name, plan in plans.items():
        found = select_answers(load_vocabulary(name), both, times)
        assert found.keys == {request.request_key for request in plan}
        assert described_classes(found) == len(load_vocabulary(name).classes)


def test_select__a_newer_asking_of_other_counts_that_was_cut_off_pushes_nothing_aside():
    ten, five = asked(n_attributes=10), asked(n_attributes=5)
    begun = [request for request in five if request.class_name == "wall"]
    times = at(ten, "2026-01") | at(begun, "2026-02")
    found = select_answers(VOCABULARY, ten + five, times)
    assert found.keys >= {request.request_key for request in ten if request.scene == "*"}
    assert [a.what for a in found.askings if a.about == "classes"] == [
        "10 phrases, 4 subclasses of 1"
    ]


def test_select__takes_the_newest_prompt_of_each_pair():
    eight, ten = asked(n_attributes=8), asked(n_attributes=10)
    times = at(eight, "2026-01") | at(ten, "2026-02")
    generic = {request.request_key for request in ten if request.scene == "*"}
    found = select_answers(VOCABULARY, eight + ten, times)
    assert generic <= found.keys
    assert not found.keys & {request.request_key for request in eight if request.scene == "*"}


def test_select__keeps_all_samples_of_the_newest_prompt():
    requests = list(describe_requests(VOCABULARY, some_prompt(), "m", {}, samples=3))
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


def test_select__counts_the_classes_with_an_accepted_answer():
    requests = asked()
    times = {r.request_key: "2026-01" for r in requests if r.class_name == "sky"}
    assert described_classes(select_answers(VOCABULARY, requests, times)) == 1


def test_select__names_the_models_there_are_when_another_is_wanted():
    requests = asked()
    with pytest.raises(InputError, match="it has some of m"):
        select_answers(VOCABULARY, requests, at(requests, "2026-01"), "gpt")


PARAMS = {"temperature": 0, "max_completion_tokens": 100}
ALIKE = {"wall": ("screen", "sky"), "sky": ("wall",)}


def described(model: str = "m", limit: int = 100, temperature: float = 0) -> list[Request]:
    params = {"temperature": temperature, "max_completion_tokens": limit}
    return list(describe_requests(VOCABULARY, some_prompt(), model, params))


def contrasted(model: str = "m") -> list[Request]:
    return list(contrast_requests(VOCABULARY, ALIKE, model, PARAMS))


def longer(request: Request) -> Request:
    found = with_longer_reply(request)
    assert found is not None
    return found


def test_select__answers_with_a_longer_limit_belong_to_the_same_asking():
    short = described()
    answered = [*short[:-1], longer(longer(short[-1]))]
    found = select_answers(VOCABULARY, short + answered, at(answered, "2026-01"))
    assert found.keys == {request.request_key for request in answered}
    assert described_classes(found) == 3


def test_select__a_longer_limit_does_not_make_an_asking_of_its_own_that_is_newer():
    short = described()
    cut = longer(short[0])  # one of the same asking, answered later
    times = at(short[1:], "2026-01") | at([cut], "2026-03")
    other = described(temperature=1)[:2]  # newer than most, but it covers less
    found = select_answers(VOCABULARY, [*short, cut, *other], times | at(other, "2026-04"))
    assert found.keys == set(at([cut, *short[1:]], ""))


def test_select__takes_what_tells_look_alikes_apart_beside_the_descriptions():
    requests = described() + contrasted()
    found = select_answers(VOCABULARY, requests, at(requests, "2026-01"))
    assert found.keys == {request.request_key for request in requests}


def test_select__differences_alone_describe_no_class():
    described_sky = [r for r in described() if r.class_name == "sky"]
    requests = described_sky + contrasted()
    found = select_answers(VOCABULARY, requests, at(requests, "2026-01"))
    assert found.keys == {request.request_key for request in requests}
    assert described_classes(found) == 1


def test_select__newer_differences_push_no_description_aside():
    times = at(described(), "2026-01") | at(contrasted(), "2026-02")
    found = select_answers(VOCABULARY, contrasted() + described(), times)
    assert found.keys == set(times)


def test_select__never_takes_an_answer_about_the_classes_of_a_scene():
    names = [entry.name for entry in VOCABULARY.classes]
    scenes = list(plausible_requests(names, ("kitchen", "street"), "m", PARAMS))
    requests = described() + scenes
    found = select_answers(VOCABULARY, requests, at(requests, "2026-01"))
    assert found.keys == set(at(described(), ""))
    with pytest.raises(InputError, match="no accepted answer"):
        select_answers(VOCABULARY, scenes, at(scenes, "2026-01"))


def test_select__takes_no_pair_that_the_vocabulary_has_no_longer():
    requests = described()
    without = replace(VOCABULARY, scenes={})
    found = select_answers(without, requests, at(requests, "2026-01"))
    assert found.keys == {r.request_key for r in requests if r.scene == "*"}
