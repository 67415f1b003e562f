"""Keep account of what a run has still to ask: which requests, and in which form.

In:  plans, what is settled already, each answer once it is safe.
Out: the requests to hand out now, and those to hand out again; how many are left.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from langseg.cache.records import Request, Response
from langseg.descriptors.generation.missing import missing
from langseg.descriptors.generation.settled import Settled
from langseg.descriptors.prompts.plan import Plan
from langseg.descriptors.prompts.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Added:
    """How many requests of a plan count as planned; of these, how many have a usable answer, how
    many none though they were asked for as often as they are, and how many are open."""

    planned: int
    cached: int
    unusable: int
    open: int


class OpenRequests:
    """The requests of a run's plans that are not settled yet.

    ``left`` is how many there are, those that are with the provider included.
    """

    def __init__(self, settled: Settled, only_failed: bool) -> None:
        self.left = 0
        self._left_before = 0  # when the plan at hand was added
        self._settled, self._only_failed = settled, only_failed
        self._handed_out: set[str] = set()  # keys of this plan that are with the provider
        self._longer: dict[str, Request] = {}  # key of one with a longer reply -> as it was planned
        self._came_unasked = False  # an answer to a request that was not handed out, or not yet
        self._tries: dict[str, int] = {}  # of requests that are asked again
        self._again: list[Request] = []
        self._failed: set[str] = set()  # keys of what was handed out, and failed
        self._plans: list[Plan] = []

    def add(self, plan: Plan) -> Added:
        """Take in one more plan."""
        self._left_before = self.left
        self._plans.append(plan)
        n_open = sum(1 for _ in self.to_ask(plan))
        self.left += n_open
        if self._only_failed:
            return Added(planned=n_open, cached=0, unusable=0, open=n_open)
        cached = len(plan) - n_open
        if cached and self._settled.has_unusable:
            cached = sum(self._settled.is_accepted(planned) for planned in plan)
        unusable = len(plan) - n_open - cached
        return Added(planned=len(plan), cached=cached, unusable=unusable, open=n_open)

    def to_ask(self, plan: Plan) -> Iterator[Request]:
        """The requests of a plan that are open, as they are to be asked now."""
        for planned in plan:
            request = self._settled.to_ask(planned)
            if request and (not self._only_failed or self._settled.was_asked(planned)):
                yield self._noted(planned, request)

    def handed_out(self, requests: Iterable[Request]) -> Iterator[Request]:
        """The same requests, each noted as being with the provider once it is read."""
        for request in requests:
            self._handed_out.add(request.request_key)
            yield request

    def attempt(self, key: str) -> int:
        """The number, from 1, of the attempt that an answer to a request is of."""
        return self._tries.get(key, 0) + 1

    def settle(self, request: Request, response: Response) -> None:
        """See what an answer leaves to ask; one to a request of another plan leaves nothing."""
        key = response.request_key
        self._settled.note(key, response.status)
        if key not in self._handed_out:
            self._came_unasked = True
            return
        self._handed_out.discard(key)
        planned = self._longer.get(key, request)
        again = self._settled.to_ask(planned)
        if again is None:
            self.left -= 1
        elif response.status == "failed":  # its retries are used up; a later run asks again
            self._failed.add(planned.request_key)
        else:
            # a longer form is another request, whose attempts are counted from 1
            self._tries[again.request_key] = response.attempt if again.request_key == key else 0
            self._again.append(self._noted(planned, again))

    def take_again(self) -> list[Request]:
        """The requests that came back unusable and are to be asked again; each is told once."""
        again, self._again = self._again, []
        return again

    def recount(self, plan: Plan) -> None:
        """Count what is left of the plan at hand anew, where answers may have settled requests
        that were not handed out: a batch of an earlier run brings such."""
        if self._came_unasked:
            self.left = self._left_before + sum(1 for _ in self.to_ask(plan))

    def missing(self, under_way: int) -> Iterator[Subject]:
        """What the plans so far ask about in vain, once nothing more is asked for now.

        Args:
            under_way: how many requests are left with a server.
        """

        def may_come(planned: Request) -> bool:
            if under_way:
                return planned.request_key not in self._failed
            return self._only_failed and not self._settled.was_asked(planned)

        if self.left <= under_way and not self._settled.has_unusable:
            return  # so that a large plan is not read again for nothing
        for plan in self._plans:
            for subject, _ in missing(plan, self._settled, may_come):
                yield subject

    def _noted(self, planned: Request, request: Request) -> Request:
        """``request``, which is asked for ``planned``: itself, or with room for a longer reply."""
        if request is not planned:
            self._longer[request.request_key] = planned
        return request
