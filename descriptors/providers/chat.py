"""Say a request in Chat Completions, the one dialect all LLM servers speak, and read the reply.

In:  a planned request; later the body that came back, whatever it is.
Out: a request body; a ``Reply`` that says what kind of answer the body holds.

Bodies are read by hand: the SDK builds its objects without checking them, so an HTML page, no
choices, or a refusal would pass for an answer.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from langseg.cache.records import Request
from langseg.descriptors.openai_api.error_reply import ErrorReplyError
from langseg.descriptors.prompts.json_reply import UnclosedReplyError, reply_object
from langseg.descriptors.providers.completion import NotAReplyError, read_completion

SCHEMA_NAME = "descriptors"
DIALECT = "json_schema"  # how a body tells the server of the schema
_FAILED = re.compile(  # finish reasons, as servers spell them, of a reply that broke off
    r"error|fail|abort|cancel|timeout|interrupt|insufficient|overload|unavailable", re.IGNORECASE
)
_CUT = re.compile(
    r"length|max_?(new_?|output_?|completion_?)?tokens|tokens?_?(limit|exceeded)|context_window"
    r"|truncat|incomplete",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"filter|safety|recitation|prohibited|block|spii|refus|sensitive|moderat|guardrail|violat",
    re.IGNORECASE,
)
_REASONING = ("reasoning_content", "reasoning", "thinking")  # where thoughts stand, by server
_THOUGHT = re.compile("think|thought|reason", re.IGNORECASE)
_LONGER = "raise --max-completion-tokens"  # what helps where a reply was cut
_INT64_MAX = 2**63 - 1  # what the store's columns hold


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a request. ``status`` as in a response row (``ok`` here means: a whole reply,
    not yet validated); ``note`` says what came instead where it is not ``ok``, in words that go
    on after "got"."""

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
            "type": DIALECT,
            DIALECT: {
                "name": SCHEMA_NAME,
                "strict": True,
                "schema": json.loads(request.schema_json),
            },
        },
    }


def read_reply(body: str) -> Reply:
    """Tell what kind of answer a body with HTTP status 200 holds.

    The text is the message's content; only where that is blank it is whatever else of the message
    holds one JSON object: the arguments of a tool's call, or the reasoning. It stays word for word
    as it came.

    Raises: ErrorReplyError, for a body that says in its own words what went wrong;
    NotAReplyError, for anything else but JSON with a choice in it, and for a stream that broke off.
    """
    completion = read_completion(body)
    message, told = completion.message, completion.told
    finish_reason = text_or_empty(completion.finish_reason)
    if _FAILED.search(finish_reason):
        raise ErrorReplyError(f"a reply that ended by {finish_reason!r}", begun=True)
    content, refusal = _text(message), text_or_empty(message.get("refusal"))
    status, note = _status(content, refusal, finish_reason)
    if completion.broke_off and status in ("truncated", "empty"):
        raise NotAReplyError(f"a stream that broke off: {body[-60:]!r}")
    usage = _dict(told.get("usage"))
    return Reply(
        status=status,
        note=note,
        raw_text=content or refusal,
        finish_reason=finish_reason,
        served_model=text_or_empty(told.get("model")),
        system_fingerprint=text_or_empty(told.get("system_fingerprint")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(_dict(usage.get("prompt_tokens_details")).get("cached_tokens")),
    )


def _status(content: str, refusal: str, finish_reason: str) -> tuple[str, str]:
    """The first that holds: a filtered or cut reply is no complete one, however it reads; one that
    breaks off was cut, whatever its server says (ollama says "stop")."""
    if refusal:
        return "refused", "a refusal of the model's"
    if _FILTERED.search(finish_reason):
        return "refused", "one that the server's content filter stopped"
    if _CUT.search(finish_reason):
        return "truncated", f"one that was cut at the token limit; {_LONGER}"
    if not content.strip():
        return "empty", "one without text"
    with suppress(ValueError):
        try:
            reply_object(content)
        except UnclosedReplyError:
            return "truncated", f"one that breaks off; {_LONGER}"
    return "ok", ""


def _text(message: Mapping[str, Any]) -> str:
    content = _plain(message.get("content"))
    if content.strip():
        return content
    calls = message.get("tool_calls")
    functions = [_dict(call).get("function") for call in calls] if isinstance(calls, list) else []
    arguments = "".join(text_or_empty(_dict(f).get("arguments")) for f in functions)
    for other in (message.get("parsed"), arguments, *map(message.get, _REASONING)):
        with suppress(ValueError):
            text = _plain(other)
            reply_object(text)
            return text
    return content


def _plain(value: Any) -> str:
    """The text of a field: as it is, in parts of which those of thoughts are left out, or the
    object that the schema asked for, already decoded."""
    if isinstance(value, dict):
        is_part = isinstance(value.get("text"), str) and "type" in value
        return str(value["text"]) if is_part else json.dumps(value)
    if isinstance(value, list):
        parts = [{"text": part} if isinstance(part, str) else _dict(part) for part in value]
        return "".join(text_or_empty(part.get("text")) for part in parts if not _is_thought(part))
    return text_or_empty(value)


def _is_thought(part: Mapping[str, Any]) -> bool:
    return bool(part.get("thought")) or bool(_THOUGHT.search(text_or_empty(part.get("type"))))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text_or_empty(value: Any) -> str:
    """The value if it is text; a server's field may hold anything."""
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    """A token count, or None for anything else; ``True`` is an int to Python, but no count."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return value if is_count and 0 <= value <= _INT64_MAX else None
