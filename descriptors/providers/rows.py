"""Put a reply that was read into the row that the store keeps.

In:  a request, its reply, who answered and how long it took.
Out: a response row.
"""

from datetime import UTC, datetime

from langseg.cache.records import Request, Response
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.providers.chat import Reply


def response_row(
    request: Request,
    reply: Reply,
    *,
    dialect: str,
    provider: str,
    latency_s: float,
    where: str,
    note: str,
    price: Price | None = None,
    run_id: str = "",
) -> Response:
    """The first attempt's row.

    Args:
        where: who was asked; note: why there is no answer, in one line without a key, or "".
    """
    return Response(
        request_key=request.request_key,
        attempt=1,
        status=reply.status,
        raw_text=reply.raw_text,
        finish_reason=reply.finish_reason,
        provider=provider,
        dialect=dialect,
        served_model=reply.served_model,
        system_fingerprint=reply.system_fingerprint,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cached_tokens=reply.cached_tokens,
        cost_usd=_cost_usd(reply, price),
        latency_s=latency_s,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        error=f"{where}: wanted a reply, got {note}" if note else "",
        run_id=run_id,
    )


def _cost_usd(reply: Reply, price: Price | None) -> float | None:
    n_prompt, n_completion = reply.prompt_tokens, reply.completion_tokens
    if price is None or n_prompt is None or n_completion is None:
        return None
    return price.cost_usd(n_prompt, n_completion, min(reply.cached_tokens or 0, n_prompt))
