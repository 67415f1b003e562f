"""Say what a plan would use before anything is asked: tokens, dollars, GPU-hours.

In:  a plan, what is answered already, a price where one is known.
Out: for each a range, with what is likely in between; None where nobody can say.

No tokenizer is at hand for a hosted model, so tokens are counted from bytes. Measured with the
tokenizers cl100k, o200k and DeepSeek's on 276 requests of ADE20K (150 classes, 126 pairs of
class and scene) and the bundled replies to them:

    messages_json   4,020 bytes   4.2 to 4.3 bytes for each token of the texts in it
    schema_json       950 bytes   3.8 to 4.3, where a server counts it (OpenAI's does, vLLM no)
    reply           1,520 bytes   3.5 to 3.6; as compact JSON 4.0 to 4.3, indented 3.8 to 3.9
                                  so one reply is 330 tokens compact, 420 spaced, 570 indented
    phrase             36 bytes   27 to 44 for nine in ten, 17 to 54 for all; a name has 15

The ratios below are these with room on both sides: names of few Latin letters take more tokens.
The least is a compact reply of the shortest phrases, and a prompt without the schema, all of it
in the server's prompt cache; the most is what ``budget.most`` sets aside for one attempt. An
attempt that fails, or whose reply is cut or unusable, is asked again and comes on top; what a
model thinks before it replies is in the most, not in the likely.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langseg.cache.errors import UsageError
from langseg.cache.records import Request
from langseg.descriptors.generation.settled import Settled
from langseg.descriptors.phrases.spoken import NAME_CHARS
from langseg.descriptors.prompts.plan import REPLY_LIMIT, Plan
from langseg.descriptors.providers.budget import Price, most

_FEWEST_BYTES_PER_TOKEN = 3.0  # as in ``budget.most``
_MOST_BYTES_PER_TOKEN = 4.6
_PROMPT_BYTES_PER_TOKEN = 4.2
_REPLY_BYTES_PER_TOKEN = 3.6
_CHAT_TOKENS = 8  # role marks that a server puts around two messages
_PHRASE_BYTES = (17, 36)  # of a text in a reply: the least, the likely
_NAME_BYTES = (4, 15)  # of a text that may have no more than NAME_CHARS
_LISTED = 0.25  # of a list that may be empty, how much is likely: classes plausible in a scene
# Output tokens a second on one GPU of the H100 or H200 class that is kept busy: 5,777 is
# Llama-3.1-8B FP8 by vLLM 0.10 on an H100 (MLPerf v5.1 Offline, Red Hat); the same model in BF16
# by vLLM 0.17 on an H200 NVL MIG slice made 1,085 at 16 requests at once, 2,300 to 3,320 at 1,024
# and 4,476 with a cached prefix (github.com/ssaketh-ch/llama31b-benchmark).
TOKENS_PER_SECOND = (3000.0, 6000.0)


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range, and what is likely in it."""

    least: float
    likely: float
    most: float


@dataclass(frozen=True, kw_only=True)
class PlanEstimate:
    """What asking for a plan would take.

    ``requests`` planned, ``cached`` of which have a usable answer, a share ``cached_share`` of
    them, and ``unusable`` none, though they were asked for as often as they are; ``to_ask`` the
    others, once each. Tokens and US dollars are for those. ``cost_usd`` is None
    where the price is unknown, ``gpu_hours`` where no GPU of one's own would work.
    """

    requests: int
    cached: int
    unusable: int
    cached_share: float
    to_ask: int
    prompt_tokens: Range
    completion_tokens: Range
    cost_usd: Range | None
    gpu_hours: Range | None


def estimate(
    plan: Plan,
    settled: Settled,
    *,
    price: Price | None,
    asks_llm: bool = True,
    local: bool = False,
    only_failed: bool = False,
    tokens_per_second: float | None = None,
) -> PlanEstimate:
    """Read a plan once, in constant memory, and say what asking for it would take.

    Args:
        asks_llm: False for a provider that asks none: no tokens, and it costs nothing.
        local: whether it would run on a GPU of one's own, so that its hours are wanted.
        only_failed: as in ``generate``; ``settled`` has forgiven what came back unusable.
        tokens_per_second: what that GPU is known to make, instead of ``TOKENS_PER_SECOND``.

    Raises: UsageError, for a throughput that is none.
    """
    if tokens_per_second is not None and not 0 < tokens_per_second < float("inf"):
        raise UsageError(
            f"tokens per second: wanted a number above 0, got {tokens_per_second}; leave it out "
            f"for {TOKENS_PER_SECOND[0]:,.0f} to {TOKENS_PER_SECOND[1]:,.0f}"
        )
    requests = to_ask = cached = 0
    sums = _Sums()
    for planned in plan:
        request = settled.to_ask(planned)
        if only_failed and (request is None or not settled.was_asked(planned)):
            continue
        requests += 1
        if request is not None:
            to_ask += 1
            sums.add(request)
        elif settled.is_accepted(planned):
            cached += 1
    if not asks_llm:
        sums, price, local = _Sums(), Price(prompt=0.0, completion=0.0), False
    prompt, completion = sums.prompt(), sums.completion()
    return PlanEstimate(
        requests=requests,
        cached=cached,
        unusable=requests - to_ask - cached,
        cached_share=cached / requests if requests else 0.0,
        to_ask=to_ask,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost_usd=None if price is None else _cost(price, prompt, completion),
        gpu_hours=_gpu_hours(completion, tokens_per_second) if local else None,
    )


@dataclass
class _Sums:
    """Tokens of the requests read so far."""

    least_prompt: int = 0
    likely_prompt: int = 0
    most_prompt: int = 0
    least_reply: int = 0
    likely_reply: int = 0
    most_reply: int = 0

    def add(self, request: Request) -> None:
        text, schema = len(request.messages_json.encode()), len(request.schema_json.encode())
        hold = most(request)
        least, likely, longest = _reply_tokens(request.schema_json, request.params_json)
        usual = round((text + schema) / _PROMPT_BYTES_PER_TOKEN) + _CHAT_TOKENS
        self.least_prompt += round(text / _MOST_BYTES_PER_TOKEN)
        self.likely_prompt += min(usual, hold.prompt_tokens)
        self.most_prompt += hold.prompt_tokens
        self.least_reply += least
        self.likely_reply += likely
        self.most_reply += hold.completion_tokens or longest

    def prompt(self) -> Range:
        return Range(least=self.least_prompt, likely=self.likely_prompt, most=self.most_prompt)

    def completion(self) -> Range:
        return Range(least=self.least_reply, likely=self.likely_reply, most=self.most_reply)


@lru_cache(maxsize=256)
def _reply_tokens(schema_json: str, params_json: str) -> tuple[int, int, int]:
    """Least, likely and longest reply that a schema allows, none above the limit, if one is set."""
    schema, params = json.loads(schema_json), json.loads(params_json)
    limit = params.get(REPLY_LIMIT) or params.get("max_tokens")
    least = round(_reply_bytes(schema, 0, spaces=0) / _MOST_BYTES_PER_TOKEN)
    likely = round(_reply_bytes(schema, 1, spaces=1) / _REPLY_BYTES_PER_TOKEN)
    longest = math.ceil(_reply_bytes(schema, 2, spaces=1) / _FEWEST_BYTES_PER_TOKEN)
    cap = longest if not limit else int(limit)
    return min(least, cap), min(likely, cap), cap


def _reply_bytes(schema: Mapping[str, Any], size: int, spaces: int) -> float:
    """Bytes of JSON that keeps to a schema: ``size`` 0 for the least, 1 the likely, 2 the most.

    Lists of an exact count have that count; ``spaces`` is 1 for a blank behind commas and colons.
    """
    kind = schema.get("type")
    if kind == "object":
        count = float(len(schema["properties"]))
        inside = sum(
            len(name) + 3 + spaces + _reply_bytes(inner, size, spaces)
            for name, inner in schema["properties"].items()
        )
    elif kind == "array":
        fewest, longest = schema["minItems"], schema["maxItems"]
        count = fewest + (longest - fewest) * (0.0, _LISTED, 1.0)[size]
        inside = count * _reply_bytes(schema["items"], size, spaces)
    else:
        return _text_bytes(schema, size)
    return 2 + inside + max(0.0, count - 1) * (1 + spaces)


def _text_bytes(schema: Mapping[str, Any], size: int) -> float:
    """Bytes of a text in its quotes; one of a fixed list, if that is what the schema says."""
    lengths = [len(value) for value in schema.get("enum", ())]
    if lengths:
        return 2 + (min(lengths), sum(lengths) / len(lengths), max(lengths))[size]
    longest: int = schema["maxLength"]
    usual = _NAME_BYTES if longest <= NAME_CHARS else _PHRASE_BYTES
    return 2 + min(longest, (*usual, longest)[size])


def _cost(price: Price, prompt: Range, completion: Range) -> Range:
    """The least has every prompt token from the server's cache, the others none."""
    held = prompt.least if price.cached is not None and price.cached < price.prompt else 0
    return Range(
        least=price.cost_usd(int(prompt.least), int(completion.least), int(held)),
        likely=price.cost_usd(int(prompt.likely), int(completion.likely)),
        most=price.cost_usd(int(prompt.most), int(completion.most)),
    )


def _gpu_hours(completion: Range, tokens_per_second: float | None) -> Range:
    """Hours of one GPU. Prompts are not counted: the throughputs were measured with theirs."""
    slow, fast = TOKENS_PER_SECOND if tokens_per_second is None else (tokens_per_second,) * 2
    middle = (slow * fast) ** 0.5
    return Range(
        least=completion.least / fast / 3600,
        likely=completion.likely / middle / 3600,
        most=completion.most / slow / 3600,
    )
