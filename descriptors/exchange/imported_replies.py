"""Read what a model answered out of a file of an API's replies.

In:  a row of a batch's output (OpenAI, vLLM, Anthropic), or of kept Chat Completions.
Out: rows with the class that the row says, and the phrases of the answer.

An answer is JSON, in a fence or not, or a phrase a line. A batch says its class by ``custom_id``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from langseg.descriptors.exchange.imported_keys import (
    CLASS_KEYS,
    Rows,
    phrase_rows,
    phrases_in,
    says_class,
)
from langseg.descriptors.phrases.characters import printable

_KEY = re.compile(r"[0-9a-f]{64}")  # of a request of ours
_NUMBER = re.compile(r"[a-z]*[-_ ]?\d+", re.IGNORECASE)  # request-7


def is_reply(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of an API, not of a person."""
    return (
        "custom_id" in row
        or isinstance(row.get("choices"), list)
        or isinstance(row.get("response"), Mapping)
    )


def reply_rows(where: str, row: Mapping[str, Any]) -> Rows:
    """The phrases of one reply; why there are none, where it failed."""
    label = row.get("custom_id")
    own = {key: value for key, value in row.items() if key in CLASS_KEYS}
    if not own and isinstance(label, str):
        own = {"class_name": label}
    if isinstance(label, str):
        where = f"{where}, custom_id {printable(label, 60)!r}"
    try:
        answer = _answer(row)
    except ValueError as exc:
        yield where, exc
        return
    found = phrases_in(answer)
    if isinstance(found, Mapping) and says_class(found) and _NUMBER.fullmatch(str(label or "")):
        own = {}  # the answer itself says what it is about
    elif not says_class(own):
        yield where, ValueError("wanted the class of a reply (custom_id or class_name), got none")
        return
    if isinstance(own.get("class_name"), str) and _KEY.fullmatch(own["class_name"]):
        yield (
            where,
            ValueError(
                "the answer to a request of LangSeg's own, which does not say its class; "
                "`langseg-desc generate` with the flags of that batch fetches it"
            ),
        )
        return
    yield from phrase_rows(where, {**own, "descriptors": found})


def _answer(row: Mapping[str, Any]) -> str:
    """The text of a reply. Raises: ValueError, for a failed one and for a question."""
    if (error := row.get("error")) not in (None, {}, ""):
        raise ValueError(f"the request failed: {_said(error)}")
    body: Any = row
    if isinstance(row.get("response"), Mapping):
        response = row["response"]
        body = response.get("body", response)
        status = response.get("status_code", 200)
        if status != 200:
            raise ValueError(f"the request failed with status {status}: {_said(body)}")
    elif isinstance(row.get("result"), Mapping):
        result = row["result"]
        if result.get("type") != "succeeded":
            raise ValueError(f"the request ended as {result.get('type')}: {_said(result)}")
        body = result.get("message")
    elif "body" in row or "params" in row:
        raise ValueError("a batch's input: it holds questions, no answers; give its output file")
    texts = [text for text in _texts(body) if text.strip()]
    if not texts:
        raise ValueError("an empty answer")
    return "\n".join(texts)


def _texts(body: Any) -> Iterator[str]:
    """Of Chat Completions, the Responses API, Anthropic's Messages, old Completions."""
    if not isinstance(body, Mapping):
        return
    for choice in _listed(body.get("choices")):
        message = choice.get("message")
        yield from _parts(message.get("content") if isinstance(message, Mapping) else None)
        yield from _parts(choice.get("text"))
    for item in _listed(body.get("output")):
        yield from _parts(item.get("content"))
    yield from _parts(body.get("content"))


def _parts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    for part in _listed(content):
        if isinstance(part.get("text"), str):
            yield part["text"]


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _said(error: Any) -> str:
    """The words of an error, whatever its form."""
    while isinstance(error, Mapping):
        error = error.get("message") or error.get("error") or json.dumps(error)
    return printable(" ".join(str(error).split()), 100)
