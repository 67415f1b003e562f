"""What turns requests into responses.

In:  planned requests.
Out: responses, as they finish.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from langseg.cache.records import Request, Response


class Provider(Protocol):
    """Answers requests; one response for each, in any order.

    ``status`` of a response is ``ok`` when a complete reply text arrived (whether it is usable
    is judged later), else ``refused``, ``truncated`` or ``empty``; ``failed`` with ``error``
    when the bounded retries brought no answer. ``attempt`` is 1 and ``run_id`` is ``""``: who
    runs the provider knows them.
    """

    @property
    def name(self) -> str:
        """Short name, as in ``--provider``."""

    def answer(self, requests: Sequence[Request]) -> AsyncGenerator[Response, None]:
        """Yield responses as they finish.

        Raises: UpstreamError, for a fault that no retry mends (a wrong key, a used-up quota),
        after every response that did arrive was yielded.
        """

    async def aclose(self) -> None:
        """Give back connections and memory."""
