"""A plan is the same each time it is read."""

from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.prompts import some_prompt

ROOMS = Vocabulary(
    name="rooms",
    classes=tuple(ClassEntry(name=name, id=i) for i, name in enumerate(("wall", "bed", "sink"))),
    ignore_ids=(255,),
    scenes={"kitchen": ("sink", "wall"), "bedroom": ("bed",)},
)


def test_plan__is_the_same_each_time_it_is_read_and_knows_its_length():
    plan = describe_requests(ROOMS, some_prompt(), "m", {}, samples=2)
    assert list(plan) == list(plan)
    assert len(plan) == len(list(plan)) == 12
    assert list(plan + plan) == [*plan, *plan]
    assert len(plan + plan) == 24
