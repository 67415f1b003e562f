"""What has no usable answer is told; what may yet be answered, or is by another sample, is not."""

import pytest

from langseg.cache.records import Request
from langseg.descriptors.generation.missing import missing
from langseg.descriptors.generation.settled import Settled, with_longer_reply
from langseg.descriptors.prompts.contrast import contrast_requests
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plausible import plausible_requests
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ROOMS = Vocabulary(
    name="rooms",
    classes=(ClassEntry(name="wall", id=1), ClassEntry(name="bed", id=2)),
    ignore_ids=(),
    scenes={"kitchen": ("wall",)},
)
PARAMS = {"max_completion_tokens": 100}
PLAN = [
    *plausible_requests(["wall", "bed"], ["attic"], "m", PARAMS),
    *describe_requests(ROOMS, some_prompt(), "m", PARAMS),
    *contrast_requests(ROOMS, {"wall": ("bed",)}, "m", PARAMS),
]
NAMES = ["the scene attic", "wall", "bed", "wall in kitchen", "wall beside its look-alikes"]


def settled(answers: dict[Request, list[str]]) -> Settled:
    found = Settled()
    for request, statuses in answers.items():
        for status in statuses:
            found.note(request.request_key, status)
    return found


def named(plan: list[Request], found: Settled, *, may_come: bool = True) -> list[str]:
    return [str(subject) for subject, _ in missing(plan, found, lambda request: may_come)]


def test_missing__is_what_was_asked_about_in_vain_as_a_person_calls_it():
    assert named(PLAN, settled({request: ["invalid"] * 2 for request in PLAN})) == NAMES


@pytest.mark.parametrize("statuses", [["ok"], ["invalid", "ok"], ["refused"], ["failed"] * 3, []])
def test_missing__is_nothing_that_is_answered_or_will_be_asked(statuses: list[str]):
    assert named(PLAN, settled(dict.fromkeys(PLAN, statuses))) == []


def test_missing__is_what_failed_when_nothing_is_asked_any_more():
    assert named(PLAN, settled(dict.fromkeys(PLAN, ["failed"])), may_come=False) == NAMES


def test_one_usable_sample__is_enough():
    plan = list(describe_requests(ROOMS, some_prompt(), "m", PARAMS, 3))
    wall, *others = plan[:3]
    answers = {request: ["invalid"] * 2 for request in plan} | {wall: ["ok"]}
    assert named(plan, settled(answers)) == ["bed", "wall in kitchen"]
    assert named(plan, settled({r: ["invalid"] * 2 for r in others})) == []  # one is to be asked


def test_reply_that_was_cut_at_every_length__is_missing_and_at_fewer_is_not():
    _, wall, *_ = PLAN
    longer = with_longer_reply(wall)
    longest = None if longer is None else with_longer_reply(longer)
    assert longer is not None
    assert longest is not None
    cut = {request: ["truncated"] for request in (wall, longer)}
    assert named([wall], settled(cut)) == []
    assert named([wall], settled(cut | {longest: ["truncated"]})) == ["wall"]
    assert named([wall], settled(cut | {longest: ["ok"]})) == []
