"""Keep in mind how a server receives a run, and hold all back while it turns everybody away.

In:  the answers and faults of a run's requests, as they come.
Out: the run's gate, closed for a while or for good; whether anything shows that there is an API.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from random import SystemRandom

from langseg.cache.errors import UpstreamError
from langseg.descriptors.openai_api.endpoint import Key, one_line
from langseg.descriptors.openai_api.fault import Fault
from langseg.descriptors.openai_api.rate_limits import Gate
from langseg.descriptors.openai_api.retry import Patience, RetryRule, out_of_patience

_FIRST_ATTEMPTS = 3  # of all requests together: a wrong address shows in seconds
_TOLD_S = 2.0  # a pause that is worth a word
_jitter = SystemRandom().random


class Reception:
    """How one server receives the requests of one run.

    ``answers``: how many there were; ``failures_in_a_row``: requests that were given up since the
    last; ``unproven``: faults before the first answer that show no API at that address.

    Args:
        kept: what a run that ends early has kept, "what was answered".
        on_wait: is told what all requests wait for, in one printable line without the key; ""
            when they go on.
    """

    def __init__(
        self,
        base_url: str,
        key: Key,
        gate: Gate,
        retry: RetryRule,
        *,
        kept: str,
        on_wait: Callable[[str], None],
    ) -> None:
        self._base_url, self._key, self._gate, self._retry = base_url, key, gate, retry
        self._kept, self._on_wait = kept, on_wait
        self._patience = Patience(retry)
        self._told_until = 0.0  # when the pause ends that ``on_wait`` was told of
        self.answers = 0
        self.failures_in_a_row = 0
        self.unproven = 0

    def answered(self) -> None:
        """A request was answered: the others may go on."""
        self.failures_in_a_row = 0
        self.answers += 1
        self._patience.answered()
        self._gate.answered()
        if 0 < self._told_until <= time.monotonic():  # else it left before the pause began
            self._told_until = 0.0
            self._on_wait("")

    def note(self, fault: Fault) -> None:
        """An attempt was in vain."""
        self.unproven += fault.unproven and not self.answers

    def is_hopeless(self, fault: Fault) -> bool:
        """Whether nothing shows that there is an API at all."""
        return not self.answers and fault.unproven and self.unproven >= _FIRST_ATTEMPTS

    def turned_away(self, fault: Fault) -> bool:
        """Let nobody in for a while; False, and the end of the run, if that would be too long."""
        now, here = time.monotonic(), datetime.now().astimezone()
        until = self._patience.turned_away(fault.wait_s, now, _jitter())
        if until is None:
            within, remedy = out_of_patience(fault.wait_s, self._retry, here)
            self.stop(f"an answer{within}", fault, remedy or fault.hint)
            return False
        self._gate.turned_away(until)
        if until - now >= _TOLD_S:
            self._told_until = until
            then = here + timedelta(seconds=until - now)
            self._on_wait(f"waits until {then:%H:%M:%S}, as {self.shown(fault.message)}")
        return True

    def stop(self, wanted: str, fault: Fault, remedy: str) -> None:
        """End the run: those under way come in, nothing else begins."""
        shown = self.shown(fault.message).rstrip(".")
        self._gate.end(
            UpstreamError(
                f"{self._base_url}: wanted {wanted}, got {shown}; {remedy}, then run the same "
                f"command again: {self._kept} is kept"
            )
        )

    async def rest(self, attempts: int) -> None:
        """Rest before the next attempt of one request."""
        await self._gate.rest(self._retry.rest_s(attempts, _jitter()))

    def shown(self, text: str) -> str:
        """Text from the server, to be shown: one line, without the key."""
        return one_line(text, self._key)
