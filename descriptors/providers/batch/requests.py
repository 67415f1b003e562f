"""Know where each request is: in line, under way in a batch, or answered.

In:  requests as they are planned; batches as they go out and come home; limits and a budget.
Out: what goes into the next file, so that no request is in two.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

from pydantic import Field

from langseg.cache.records import Request
from langseg.cache.store.batch_records import BatchRecord
from langseg.cache.store.batch_requests import Draft
from langseg.cache.validation import checked
from langseg.descriptors.providers.batch.calls import request_line
from langseg.descriptors.providers.budget import Budget, Hold, most


@checked("batch files")
class FileLimits:
    """How much one file may hold, and how many tokens all batches under way at once.

    Tokens are counted at their most: the prompt's, and the whole limit of the reply.
    """

    max_requests: int = Field(default=50_000, ge=1)
    max_bytes: int = Field(default=180_000_000, ge=1)  # of the 200 MB that OpenAI takes
    enqueued_tokens: int = Field(default=2_000_000, ge=1)


class Todo:
    """Requests in line, read as they are taken; those that came back go first."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._lines: deque[Iterator[Request]] = deque([iter(requests)])

    def take(self) -> Request | None:
        """The next one, or None when there is none."""
        while self._lines:
            request = next(self._lines[0], None)
            if request is not None:
                return request
            self._lines.popleft()
        return None

    def put_first(self, requests: Iterable[Request]) -> None:
        """Let these go before all others."""
        self._lines.appendleft(iter(requests))


class UnderWay:
    """The batches whose answers are not in hand, and what their requests hold of the budget.

    Memory: a few hundred bytes for each request that is under way.
    """

    def __init__(self, base_url: str, budget: Budget) -> None:
        self.budget = budget
        self._base_url = base_url
        self._records: dict[str, BatchRecord] = {}
        self._place: dict[str, str] = {}  # request key -> the newest batch that holds it
        self._holds: dict[str, Hold] = {}  # by request key
        self._read: set[str] = set()  # keys of the plan at hand that a batch holds
        self._asked_for: set[str] = set()  # keys of this run's plans that a batch has held
        self._early: set[str] = set()  # keys answered before the plan at hand came to them

    @property
    def n_planned(self) -> int:
        """Of this run's plans."""
        return sum(key in self._place for key in self._asked_for)

    @property
    def n_requests(self) -> int:
        """Of all runs, at every server."""
        return sum(record.n_requests for record in self._records.values())

    def here(self) -> list[BatchRecord]:
        """The batches at this server, oldest first."""
        return [record for record in self._records.values() if record.base_url == self._base_url]

    @property
    def enqueued_tokens(self) -> int:
        """The most tokens that the batches at this server can use."""
        return sum(record.tokens for record in self.here())

    def elsewhere(self) -> list[str]:
        """The other servers that hold some."""
        urls = {record.base_url for record in self._records.values()}
        return sorted(urls - {self._base_url})

    def sent(self, record: BatchRecord) -> None:
        """A batch is at the server; its requests were taken or found."""
        self._records[record.name] = record

    def found(self, record: BatchRecord, requests: Iterable[Request]) -> None:
        """An earlier run's batch; what is over a cap is under way all the same."""
        self.sent(record)
        for request in requests:
            self._place[request.request_key] = record.name
            if request.request_key not in self._holds:
                self._holds[request.request_key] = self.budget.claim(request)

    def take(self, name: str, request: Request) -> bool:
        """Note that a request of the plan at hand goes into a batch, unless a cap forbids it."""
        if not self._set_aside(request):
            return False
        self._place[request.request_key] = name
        self._read.add(request.request_key)
        self._asked_for.add(request.request_key)
        return True

    def asked_nowhere(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Those of a plan, which is at hand from now on, that are neither under way nor answered
        since it is."""
        self._read, self._early = set(), set()
        return self._asked_nowhere(requests)

    def settle(self, key: str, used: tuple[int, int] | None) -> None:
        """A request is no longer under way; ``used`` as for ``Budget.settle``."""
        hold = self._holds.pop(key, None)
        if hold is not None:
            self.budget.settle(hold, used)

    def over(
        self,
        record: BatchRecord,
        answered: Collection[str],
        unanswered: Iterable[str],
        used: tuple[int, int] | None,
    ) -> list[str]:
        """A batch is home. Returns: keys of the plan at hand that are to be asked again."""
        del self._records[record.name]
        for key in answered:
            self._place.pop(key, None)
            if key not in self._read:
                self._early.add(key)
        self._read.difference_update(answered)
        free = [key for key in unanswered if self._place.get(key) == record.name]
        for key in free:
            del self._place[key]
            self.settle(key, used)
        again = [key for key in free if key in self._read]
        self._read.difference_update(again)
        return again

    def _asked_nowhere(self, requests: Iterable[Request]) -> Iterator[Request]:
        for request in requests:
            key = request.request_key
            if key in self._place:
                self._read.add(key)
                self._asked_for.add(key)
            elif key not in self._early:
                yield request

    def _set_aside(self, request: Request) -> bool:
        """Take a request's share of the budget, once however many batches hold it."""
        key = request.request_key
        if key not in self._holds and (hold := self.budget.take(request)) is not None:
            self._holds[key] = hold
        return key in self._holds


def fill(
    draft: Draft,
    todo: Todo,
    limits: FileLimits,
    *,
    room_tokens: int,
    alone: bool,
    take: Callable[[Request], bool],
) -> int:
    """Move requests from the line into the draft until it is full.

    Args:
        room_tokens: what the server lets us enqueue beside what is under way.
        alone: nothing is under way, so the first request goes whatever it may use: room for it
            would never come.
        take: sets a request's share of the budget aside, or says that there is none.

    Returns: the most tokens that the draft's requests can use.
    """
    tokens = n_bytes = 0
    while draft.n_requests < limits.max_requests:
        request = todo.take()
        if request is None:
            break
        size, most_tokens = len(request_line(request)), most(request).tokens
        first = draft.n_requests == 0
        fits_in = first or n_bytes + size <= limits.max_bytes
        has_room = tokens + most_tokens <= room_tokens or (first and alone)
        if not (fits_in and has_room and take(request)):
            todo.put_first([request])
            break
        draft.add(request)
        n_bytes, tokens = n_bytes + size, tokens + most_tokens
    return tokens
