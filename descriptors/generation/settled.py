"""Tell which requests need no more asking, and in which form the others are to be asked now.

In:  the statuses of the answers that there are.
Out: for a planned request the one to ask now, if any.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from langseg.cache.keys import canonical_json, request_key
from langseg.cache.records import Request
from langseg.cache.store.store import Store
from langseg.descriptors.prompts.plan import REPLY_LIMIT

MAX_UNUSABLE = 2  # a refused, empty or invalid reply is asked for once more; then it is the answer
LONGER_REPLIES = 2  # a reply that was cut is asked for with twice its limit, then four times


class Settled:
    """What answers requests have, as far as it decides whether to ask again.

    Memory: about 100 bytes for each answered request, whatever the answers hold.
    """

    def __init__(self) -> None:
        self._accepted: set[bytes] = set()
        self._unusable: dict[bytes, int] = {}  # how many such answers there are
        self._cut: set[bytes] = set()
        self._failed: set[bytes] = set()
        self._longer_replies = LONGER_REPLIES

    def note(self, key: str, status: str) -> None:
        """One more answer, with its status in a response row."""
        name = bytes.fromhex(key)
        if status == "ok":
            self._accepted.add(name)
        elif status == "truncated":
            self._cut.add(name)
        elif status == "failed":
            self._failed.add(name)
        else:
            self._unusable[name] = self._unusable.get(name, 0) + 1

    @property
    def has_unusable(self) -> bool:
        """Whether any answer is not usable, so that something may be missing."""
        return bool(self._unusable or self._cut or self._failed)

    def forgive(self) -> None:
        """Let what came back unusable be tried as often again, and cut replies be longer still."""
        self._unusable = dict.fromkeys(self._unusable, 0)
        self._longer_replies *= 2

    def to_ask(self, request: Request) -> Request | None:
        """What to ask now for a planned request: itself, or itself with room for a longer reply.

        None when it needs no more asking: it has an accepted answer, or as many unusable ones
        as it gets.
        """
        for _ in range(self._longer_replies + 1):
            name = bytes.fromhex(request.request_key)
            if name in self._accepted or self._unusable.get(name, 0) >= MAX_UNUSABLE:
                return None
            if name not in self._cut:
                return request
            longer = with_longer_reply(request)
            if longer is None:
                return None
            request = longer
        return None

    def is_accepted(self, planned: Request) -> bool:
        """Whether a planned request has an accepted answer, with a longer limit or without."""
        return any(
            bytes.fromhex(form.request_key) in self._accepted for form in every_form(planned)
        )

    def was_asked(self, request: Request) -> bool:
        """Whether a planned request that is to be asked has been asked before."""
        name = bytes.fromhex(request.request_key)
        return name in self._failed or name in self._cut or name in self._unusable


def read_settled(store: Store) -> Settled:
    """What the answers of a store's live snapshot settle. Raises: CorruptError."""
    settled = Settled()
    for batch in store.table("responses", ("request_key", "status")).to_batches():
        keys, statuses = (column.to_pylist() for column in batch.columns)
        for key, status in zip(keys, statuses, strict=True):
            settled.note(key, status)
    return settled


def every_form(planned: Request) -> Iterator[Request]:
    """A planned request, and what it may have been asked as when its replies were cut."""
    form: Request | None = planned
    for _ in range(2 * LONGER_REPLIES + 1):
        if form is not None:
            yield form
            form = with_longer_reply(form)


def with_longer_reply(request: Request) -> Request | None:
    """The request with twice the reply limit, which is another request; None where it has none.

    A cut reply asked for again with the same limit is cut again and paid for again
    (instructor#2213: 920,000 prompt tokens burnt on one failure).
    """
    params = json.loads(request.params_json)
    limit = params.get(REPLY_LIMIT)
    if not limit:
        return None
    params[REPLY_LIMIT] = 2 * limit
    key = request_key(
        model=request.model,
        messages=json.loads(request.messages_json),
        params=params,
        schema=json.loads(request.schema_json),
        sample_index=request.sample_index,
    )
    return replace(request, request_key=key, params_json=canonical_json(params))
