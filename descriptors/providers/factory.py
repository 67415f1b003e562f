"""Make who answers, what its tokens cost and what may be spent, from plain settings.

In:  the kind of a provider that asks a model, and its settings as a person gives them.
Out: the provider, a price, a budget; nothing is connected, loaded or written yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langseg.cache.store.batch_ledger import held_answers
from langseg.cache.store.store import Store
from langseg.descriptors.openai_api.endpoint import (
    DEFAULT_BASE_URL,
    checked_base_url,
    meant_base_url,
)
from langseg.descriptors.providers.base import Provider
from langseg.descriptors.providers.budget import Budget, Caps, Price
from langseg.descriptors.providers.prices import price_entry

ModelKind = Literal["openai", "openai-batch", "vllm"]  # the providers that ask a model

_DEADLINES = 5  # a request with all its attempts may take so many times what one may


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """Which model is asked, where, and how fast; "" and None stand for what is not given.

    ``engine`` are arguments of vllm.LLM; ``wait`` is for batches to end; ``request_timeout`` is
    in seconds, for one attempt.
    """

    kind: ModelKind
    model: str
    base_url: str
    engine: Mapping[str, Any]
    concurrency: int
    requests_per_minute: float | None
    tokens_per_minute: float | None
    request_timeout: float
    enqueued_tokens: int
    wait: bool


def make_provider(
    settings: ProviderSettings,
    store_path: Path,
    store: Callable[[], Store],
    on_fault: Callable[[str], None],
    on_wait: Callable[[str], None],
) -> Provider:
    """Who answers; ``store`` is opened when it is first needed.

    Args:
        on_fault: is told why an attempt failed.
        on_wait: is told what is waited for.
    Raises: UsageError, for a base URL, a key or an engine that cannot be used.
    """
    if settings.kind == "vllm":
        from langseg.descriptors.providers.vllm.provider import VLLMProvider

        return VLLMProvider(settings.model, engine=settings.engine, on_fault=on_fault)
    if settings.kind == "openai-batch":
        from langseg.descriptors.providers.batch.provider import OpenAIBatchProvider
        from langseg.descriptors.providers.batch.requests import FileLimits

        return OpenAIBatchProvider(
            base_url=meant_base_url(settings.base_url),
            store_path=store_path,
            held=lambda name: held_answers(store(), name),
            wait=settings.wait,
            timeout_s=settings.request_timeout,
            limits=FileLimits(enqueued_tokens=settings.enqueued_tokens),
            on_fault=on_fault,
            on_wait=on_wait,
        )
    from langseg.descriptors.openai_api.rate_limits import RateLimits
    from langseg.descriptors.openai_api.retry import RetryRule
    from langseg.descriptors.providers.openai.provider import OpenAIProvider

    limits = RateLimits(
        max_concurrency=settings.concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
    )
    timeout_s = settings.request_timeout
    return OpenAIProvider(
        base_url=meant_base_url(settings.base_url),
        limits=limits,
        retry=RetryRule(timeout_s=timeout_s, deadline_s=_DEADLINES * timeout_s),
        on_fault=on_fault,
        on_wait=on_wait,
    )


def make_budget(
    price: Price | None,
    *,
    requests: int | None,
    tokens: int | None,
    cost_usd: float | None,
    minutes: float | None,
) -> Budget:
    """What one run may use at most; None for no cap.

    Raises: UsageError, for a cap on cost where no price is known.
    """
    seconds = None if minutes is None else 60 * minutes
    caps = Caps(requests=requests, tokens=tokens, cost_usd=cost_usd, seconds=seconds)
    return Budget(caps, price)


def token_price(
    kind: ModelKind,
    model: str,
    *,
    base_url: str,
    price_in: float | None,
    price_out: float | None,
) -> tuple[Price | None, str]:
    """The price of a model's tokens, and where it is from; None and "" where none is known.

    The table that ships holds OpenAI's prices: another server's are unknown unless they are given.

    Args:
        price_in, price_out: US dollars per million tokens; they beat the table.
    """
    if kind == "vllm":
        return None, ""
    if price_in is not None and price_out is not None:
        return Price(prompt=price_in, completion=price_out), "--price-in, --price-out"
    is_openais = checked_base_url(meant_base_url(base_url)) == DEFAULT_BASE_URL
    entry = price_entry(model) if is_openais else None
    price = None if entry is None else entry.price(batch=kind == "openai-batch")
    if entry is None or price is None:
        return None, ""
    return price, f"{entry.source}, {entry.dated}"
