"""Say a request in Chat Completions, the one dialect all LLM servers speak, and read the reply.

In:  a planned request; later the body that came back, whatever it is.
Out: a request body; a ``Reply`` that says what kind of answer the body holds.

Bodies are read by hand: the SDK builds its objects without checking them, so an HTML page, no
choices, or a refusal would pass for an answer.
"""

import json
from dataclasses import dataclass
from typing import Any

from langseg.cache.records import Request

SCHEMA_NAME = "descriptors"
_INT64_MAX = 2**63 - 1  # what the store's columns hold


class NotAReplyError(ValueError):
    """The body is no Chat Completions reply: no answer at all, so asking again may help."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a request. ``status`` as in a response row (``ok`` here means: a whole reply,
    not yet validated); ``note`` says in one sentence why it is not ``ok``."""

    status: str
    note: str = ""
    raw_text: str = ""
    finish_reason: str = ""
    served_model: str = ""
    system_fingerprint: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


def chat_body(request: Request) -> dict[str, Any]:
    """JSON body of a request: its schema is binding, and parameters that are null stay out."""
    params = json.loads(request.params_json)
    return {
        **{name: value for name, value in params.items() if value is not None},
        "model": request.model,
        "messages": json.loads(request.messages_json),
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": SCHEMA_NAME,
                "strict": True,
                "schema": json.loads(request.schema_json),
            },
        },
    }


def read_reply(body: str) -> Reply:
    """Tell what kind of answer a body with HTTP status 200 holds.

    Raises: NotAReplyError, for anything but a JSON object with a choice in it.
    """
    reply = _object(body)
    choice = _dict(reply["choices"][0])
    message = _dict(choice.get("message"))
    finish_reason = text_or_empty(choice.get("finish_reason"))
    content, refusal = _content(message.get("content")), text_or_empty(message.get("refusal"))
    status, note = _status(content, refusal, finish_reason)
    usage = _dict(reply.get("usage"))
    return Reply(
        status=status,
        note=note,
        raw_text=content or refusal,
        finish_reason=finish_reason,
        served_model=text_or_empty(reply.get("model")),
        system_fingerprint=text_or_empty(reply.get("system_fingerprint")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(_dict(usage.get("prompt_tokens_details")).get("cached_tokens")),
    )


def _object(body: str) -> dict[str, Any]:
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAReplyError(f"wanted a JSON reply, got {body[:60]!r}") from None
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(reply, dict) or not isinstance(choices, list) or not choices:
        raise NotAReplyError(f"wanted a reply with a choice in it, got {body[:200]!r}")
    return reply


def _status(content: str, refusal: str, finish_reason: str) -> tuple[str, str]:
    """The first that holds: a filtered or cut reply is no complete one, however it reads."""
    if refusal:
        return "refused", "the model refused to answer"
    if finish_reason == "content_filter":
        return "refused", "the server's content filter stopped the reply"
    if finish_reason == "length":
        return "truncated", "the reply was cut at the token limit; raise --max-completion-tokens"
    if not content.strip():
        return "empty", "the reply holds no text"
    return "ok", ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _content(value: Any) -> str:
    """The reply's text; some servers hand the object the schema asked for, already decoded."""
    return text_or_empty(json.dumps(value) if isinstance(value, (dict, list)) else value)


def text_or_empty(value: Any) -> str:
    """The value if it is text; a server's field may hold anything."""
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    """A token count, or None for anything else; ``True`` is an int to Python, but no count."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _INT64_MAX else None
