"""Stop a run before it can spend more than it may.

In:  each attempt before it is made, at the most it can use; then what it did use.
Out: leave to make it, or word that the budget is reached.

A cap holds although answers are under way: an attempt is let through only if it fits beside all
of them at their most. An attempt that ends without a word of what it used counts in full.
"""

import asyncio
import json
import math
import time
from dataclasses import dataclass

from pydantic import Field

from langseg.cache.errors import UsageError
from langseg.cache.records import Request
from langseg.cache.validation import checked

# A token of English or JSON is seldom shorter; our prompts have 4.2 to 4.3 (cl100k, o200k)
_ASCII_PER_TOKEN = 3  # any other byte may be a token of its own


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens; ``cached``: prompt tokens that the server's cache held."""

    prompt: float
    completion: float
    cached: float | None = None

    def cost_usd(self, prompt: int, completion: int, cached: int = 0) -> float:
        """What these tokens cost; ``cached`` ones are among the ``prompt`` ones."""
        at = self.prompt if self.cached is None else self.cached
        return ((prompt - cached) * self.prompt + cached * at + completion * self.completion) / 1e6


@checked("caps")
class Caps:
    """What one run may use at most; None for no cap. Requests count failed attempts too."""

    requests: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    cost_usd: float | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)


@dataclass(frozen=True)
class Hold:
    """The most an attempt can use: set aside until ``Budget.settle``."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """Of the prompt and of the reply."""
        return self.prompt_tokens + self.completion_tokens


class Budget:
    """What a run has used, and may still use. Without caps it only counts.

    ``price`` is None where no price is known: a cap on cost then raises UsageError.
    """

    def __init__(self, caps: Caps | None = None, price: Price | None = None) -> None:
        self.caps = caps or Caps()
        self.price = price
        if self.caps.cost_usd is not None and price is None:
            raise UsageError(
                "--max-cost: wanted a model whose price is known, got one that is in no price "
                "table; give --price-in and --price-out, or cap --max-tokens"
            )
        self.requests = 0  # attempts made
        self.tokens = 0  # used, or not known to be unused
        self.cost_usd = 0.0 if price else None
        self.reached = ""  # which cap ended the run, as its flag
        self._held = 0  # attempts under way, and what they can use
        self._held_tokens = 0
        self._held_usd = 0.0
        self._turned_away = ""  # the cap that did so last
        self._started = time.monotonic()
        self._settled = asyncio.Event()

    def take(self, request: Request) -> Hold | None:
        """Set aside what one attempt can use. None, if it does not fit beside those under way.

        Where nothing is under way it never will: ``reached`` then says which cap it is.
        """
        if self.reached:
            return None
        hold = most(request)
        cap = self._passed(hold)
        if not cap:
            self.requests += 1
            self._hold(hold, 1)
            return hold
        self._turned_away = cap
        if not self._held or cap in ("--max-requests", "--max-minutes"):  # nothing gives these back
            self.reached = cap
        return None

    def claim(self, request: Request) -> Hold:
        """Set aside what an attempt of an earlier run can still use, whatever the caps say."""
        hold = most(request)
        self.requests += 1
        self._hold(hold, 1)
        return hold

    def seconds_left(self) -> float | None:
        """Until no request is let through any more; None where no cap says so."""
        if self.caps.seconds is None:
            return None
        return self._started + self.caps.seconds - time.monotonic()

    def close(self) -> None:
        """Nothing that is under way comes back in this run: what did not fit never will."""
        self.reached = self.reached or self._turned_away

    async def reserve(self, request: Request) -> Hold | None:
        """``take``, once enough of what is under way has come in; None when the cap is reached."""
        while (hold := self.take(request)) is None and not self.reached:
            self._settled.clear()
            await self._settled.wait()
        if hold is None:
            self._settled.set()  # the others who wait must see it, too
        return hold

    def settle(self, hold: Hold, used: tuple[int | None, int | None] | None) -> None:
        """An attempt is over.

        Args:
            used: prompt and completion tokens; (0, 0) for one that was turned away unread; None,
                for one or both, when nobody knows: it counts as all that was set aside.
        """
        self._hold(hold, -1)
        known_prompt, known_completion = used or (None, None)
        prompt = hold.prompt_tokens if known_prompt is None else known_prompt
        completion = hold.completion_tokens if known_completion is None else known_completion
        self.tokens += prompt + completion
        if self.price is not None and self.cost_usd is not None:
            self.cost_usd += self.price.cost_usd(prompt, completion)
        self._settled.set()

    def _hold(self, hold: Hold, count: int) -> None:
        """Set aside what attempts can use (1), or give it back (-1)."""
        self._held += count
        self._held_tokens += count * hold.tokens
        self._held_usd += count * self._most_usd(hold)

    def _passed(self, hold: Hold) -> str:
        """The cap that one more attempt could pass, as its flag, or none."""
        caps, left_s = self.caps, self.seconds_left()
        if left_s is not None and left_s <= 0:
            return "--max-minutes"
        if caps.requests is not None and self.requests >= caps.requests:
            return "--max-requests"
        tokens = self.tokens + self._held_tokens + hold.tokens
        if caps.tokens is not None and tokens > caps.tokens:
            return "--max-tokens"
        cost_usd = (self.cost_usd or 0.0) + self._held_usd + self._most_usd(hold)
        if caps.cost_usd is not None and cost_usd > caps.cost_usd:
            return "--max-cost"
        return ""

    def _most_usd(self, hold: Hold) -> float:
        price = self.price
        return price.cost_usd(hold.prompt_tokens, hold.completion_tokens) if price else 0.0


def most(request: Request) -> Hold:
    """The most tokens one attempt can use: those of its text, and its reply's limit.

    A request without a limit of its own counts no reply: nothing that is asked lacks one, and a
    bundled pack answers for nothing.
    """
    text = request.messages_json + request.schema_json
    n_ascii = len(text.encode("ascii", "ignore"))
    n_others = 0 if text.isascii() else len(text.encode("utf-8", "replace")) - n_ascii
    params = json.loads(request.params_json)
    completion = params.get("max_completion_tokens") or params.get("max_tokens") or 0
    return Hold(math.ceil(n_ascii / _ASCII_PER_TOKEN) + n_others, int(completion))
