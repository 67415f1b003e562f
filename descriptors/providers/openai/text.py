"""What a server said, as the store keeps it and as it may be shown: never with the key in it.

In:  text, or a reply that was read.
Out: one printable line; a response row.
"""

from datetime import UTC, datetime

from langseg.cache.records import Request, Response
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.providers.chat import Reply
from langseg.descriptors.providers.openai.endpoint import Key

_MESSAGE_CHARS = 300


def one_line(text: str, key: Key) -> str:
    """Text from the server as one printable line; redacted before it is cut short."""
    return printable(" ".join(key.redact(text).split()), _MESSAGE_CHARS)


def response_row(
    request: Request,
    reply: Reply,
    *,
    provider: str,
    base_url: str,
    key: Key,
    price: Price | None,
    latency_s: float,
    run_id: str = "",
) -> Response:
    """The first attempt's row; only the note is redacted here, the reply's text was before."""
    where = f"{base_url}: wanted a reply, got "
    return Response(
        request_key=request.request_key,
        attempt=1,
        status=reply.status,
        raw_text=reply.raw_text,
        finish_reason=reply.finish_reason,
        provider=provider,
        served_model=reply.served_model,
        system_fingerprint=reply.system_fingerprint,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cached_tokens=reply.cached_tokens,
        cost_usd=_cost_usd(reply, price),
        latency_s=latency_s,
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        error=where + one_line(reply.note, key) if reply.note else "",
        run_id=run_id,
    )


def _cost_usd(reply: Reply, price: Price | None) -> float | None:
    n_prompt, n_completion = reply.prompt_tokens, reply.completion_tokens
    if price is None or n_prompt is None or n_completion is None:
        return None
    return price.cost_usd(n_prompt, n_completion, min(reply.cached_tokens or 0, n_prompt))
