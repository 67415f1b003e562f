"""What turns requests into responses.

In:  planned requests, and a budget.
Out: requests with their responses, as they finish.

A new provider is a ``Provider`` beside this file; ``factory`` makes it, and its name stands among
the settings of `generate` (``pipelines/desc/generate_settings``).
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from langseg.cache.records import Request
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.budget import Budget


class Provider(Protocol):
    """Answers requests, in any order.

    ``status`` of a response is ``ok`` when a complete reply text arrived (whether it is usable
    is seen later), else ``refused``, ``truncated`` or ``empty``; ``failed`` with ``error``
    when the bounded retries brought no answer. ``attempt`` is 1 and ``run_id`` is ``""``: who
    runs the provider knows them. (An answer that may come in more than one run, as a batch's,
    brings a ``run_id`` of its own, and is then stored once.)
    """

    @property
    def name(self) -> str:
        """Short name, as in ``--provider``."""

    def answer(self, requests: Iterable[Request], budget: Budget) -> AsyncGenerator[Answer, None]:
        """Yield requests with their responses as they finish.

        ``requests`` may be long and is made as it is read: read it as places free up, once. Each
        attempt takes its share of the ``budget`` and settles it; once ``budget.reached`` no new
        one is made, those under way are still yielded, and the generator ends.

        Raises: UpstreamError, for a fault that no retry mends (a wrong key, a used-up quota),
        after every response that did arrive was yielded.
        """

    def collect(self, budget: Budget) -> AsyncGenerator[Answer, None]:
        """Yield what an earlier run left at a server and is answered by now; ask nothing.

        Comes before ``answer``, so that these answers decide what is asked.
        Raises: as ``answer``.
        """

    def committed(self) -> None:
        """Every answer that was yielded so far is in the store."""

    @property
    def under_way(self) -> int:
        """How many requests are left with a server, to be collected by a later run."""

    @property
    def note(self) -> str:
        """What a person should know of the run, in a few words, or ``""``."""

    async def aclose(self) -> None:
        """Give back connections and memory."""


class AnswersAtOnce:
    """The parts of a provider that leaves nothing at a server for a later run."""

    under_way = 0

    @property
    def note(self) -> str:
        """Nothing in particular."""
        return ""

    async def collect(self, budget: Budget) -> AsyncGenerator[Answer, None]:
        """Nothing was left."""
        return
        yield

    def committed(self) -> None:
        """Nothing waits for it."""
