"""Keep account of what a run has still to ask: which requests, and in which form.

In:  plans, what is settled already, each answer once it is safe.
Out: the requests to hand out now, and those to hand out again; how many are left.
"""

from collections.abc import Iterable, Iterator

from langseg.cache.records import Request, Response
from langseg.descriptors.generation.settled import Settled
from langseg.descriptors.prompts.plan import Plan


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

    def add(self, plan: Plan) -> tuple[int, int]:
        """Take in one more plan. Returns: how many requests of it count as planned, and how many
        of these are open."""
        self._left_before = self.left
        n_open = sum(1 for _ in self.to_ask(plan))
        self.left += n_open
        return n_open if self._only_failed else len(plan), n_open

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
        elif response.status != "failed":  # its retries are used up; a later run asks again
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

    def _noted(self, planned: Request, request: Request) -> Request:
        """``request``, which is asked for ``planned``: itself, or with room for a longer reply."""
        if request is not planned:
            self._longer[request.request_key] = planned
        return request
