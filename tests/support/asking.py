"""Ask a test server by ``OpenAIProvider``, with short rests.

In:  a server; requests for different classes.
Out: all responses, and the error that ended the run.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from langseg.cache.errors import UpstreamError
from langseg.cache.keys import canonical_json
from langseg.cache.records import Request, Response
from langseg.descriptors.openai_api.rate_limits import RateLimits
from langseg.descriptors.openai_api.retry import RetryRule
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.openai.provider import OpenAIProvider
from langseg.descriptors.vocabulary.vocabulary import ClassEntry
from tests.support.openai_server import OpenAIServer
from tests.support.prompts import some_prompt

CANARY = "sk-canary/0123456789abcdef"
NAMES = [
    "wall",
    "floor",
    "chair",
    "table",
    "lamp",
    "sofa",
    "mirror",
    "curtain",
    "shelf",
    "stove",
    "towel",
    "vase",
]
PROMPT = some_prompt()


def ask(
    server: OpenAIServer,
    planned: Iterable[Request],
    *,
    budget: Budget | None = None,
    on_fault: Callable[[str], None] = lambda reason: None,
    on_wait: Callable[[str], None] = lambda what: None,
    max_concurrency: int = 32,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    **retry: Any,
) -> tuple[list[Response], UpstreamError | None]:
    """All responses, and the error that ended the run, if one did; rests are short."""
    responses = []

    async def run() -> UpstreamError | None:
        provider = OpenAIProvider(
            base_url=server.base_url,
            limits=RateLimits(
                max_concurrency=max_concurrency,
                requests_per_minute=requests_per_minute,
                tokens_per_minute=tokens_per_minute,
            ),
            retry=RetryRule(**{"backoff_s": 0.01, "timeout_s": 5, **retry}),
            on_fault=on_fault,
            on_wait=on_wait,
        )
        try:
            async for _, response in provider.answer(planned, budget or Budget()):
                responses.append(response)
        except UpstreamError as error:
            return error
        finally:
            await provider.aclose()
        return None

    return responses, asyncio.run(run())


def requests(count: int) -> list[Request]:
    """Requests for different classes; the key ends in the class's name."""
    return [_request(f"{NAMES[n % 10]} {n // 10}".removesuffix(" 0")) for n in range(count)]


def _request(name: str) -> Request:
    entry = ClassEntry(name=name, id=1, synonyms=())
    return Request(
        request_key=f"key {name}",
        class_name=name,
        sense=entry.sense,
        scene="*",
        sample_index=0,
        model="m",
        prompt_id=PROMPT.template.prompt_id,
        params_json='{"temperature": 0.5, "seed": null}',
        messages_json=canonical_json(PROMPT.messages(entry, "*")),
        schema_json=canonical_json(PROMPT.schema("*")),
    )
