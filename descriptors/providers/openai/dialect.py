"""Say a request in the form that the server at hand takes, and step down where it refuses one.

In:  a planned request; what a server said when it refused.
Out: a request body; the next lower form to ask in, or the flag that a person must change.

A request's key is made of what is asked, never of the form it takes on the wire, so that a step
down re-keys nothing: a store that one server began is completed by another. What was spoken is
noted in the response row instead. Steps concern only how the schema is told, the name of the
reply's limit and the role of the instructions; what a person chose (model, temperature) is never
changed in silence.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from langseg.cache.records import Request
from langseg.descriptors.prompts.plan import REPLY_LIMIT
from langseg.descriptors.providers.chat import DIALECT, chat_body

# Keywords that bind a reply more tightly than its structure. Whether they hold is checked of every
# reply anyway, and the prompt says the counts.
_KEYWORDS = ("minItems", "maxItems", "minLength", "maxLength", "additionalProperties", "strict")
_COUNTS = frozenset(_KEYWORDS[:4])  # left out where the schema is refused and no keyword is named
_OLD_LIMIT = "max_tokens"

_NAMES_A_REFUSAL = (400, 404, 415, 422, 500, 501)
_MAY_NAME_NONE = (400, 422, 501)  # a refusal without a word of the reason
_LIMIT = re.compile(r"max_?(completion|new|output)?_?tokens|completion tokens", re.IGNORECASE)
_TOO_MUCH = re.compile(
    r"too (large|high|big|many|long)|at most|maximum|exceed|(less|greater|larger|more) than|range"
    r"|reduce|lower|<=|must be (between|in\b)"
)
_FORMAT = re.compile(
    r"(response|output).?format|text\.format|json.?(schema|object|mode)|structured.?output"
    r"|guided|grammar|schema|requested parameters"
)
_SCHEMA = re.compile(r"(?<!json_)schema|grammar|keyword|propert")
_ROLE = re.compile(
    r"system.{0,15}(role|message|prompt|instruction).{0,60}(not|unsup|only|must)|roles? must altern"
    r"|role.{0,60}(not|unsup).{0,40}system|support.{0,15}system|only user and assistant roles"
)
_CONTEXT = re.compile(r"context.?(length|window|size)|prompt is too long|maximum.{0,20}context")
_SOMETHING_ELSE = re.compile(
    r"model.{0,60}(not found|not exist|doesnt exist)|model_not_found"
    r"|(unknown|invalid|no such|unrecognized) model|\bstream\b"
    r"|content.?(management|filter|polic|risk)|safety|moderation|harmful|sensitive|inappropriate"
    r"|api.?key|billing|credit|quota|balance|location|region|country|permission"
)
_TOKENS_A_MINUTE = re.compile(r"limit:? ?(\d+).{0,40}?requested:? ?~?(\d+)")
_QUOTES = re.compile(r"[\"'`\\]")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The form of a request.

    ``schema``: how the server is told of the schema: ``json_schema``, ``json_object`` or ``text``
    (not at all). ``said``: the schema is in the prompt, too. ``without``: keywords of the schema
    that are left out. ``limit``: the name of the reply's token limit. ``system``: the instructions
    have a message of their own.
    """

    schema: str = DIALECT
    said: bool = False
    without: frozenset[str] = frozenset()
    limit: str = REPLY_LIMIT
    system: bool = True

    def __str__(self) -> str:
        """As response rows have it."""
        parts = [self.schema]
        if self.without:
            parts[0] += f" without {' '.join(sorted(self.without))}"
        if self.said:
            parts.append("schema in the prompt")
        if self.limit != REPLY_LIMIT:
            parts.append(self.limit)
        if not self.system:
            parts.append("no system message")
        return ", ".join(parts)

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON body of a request in this form."""
        body = {**chat_body(request), "stream": False}  # some servers stream unless told so
        if REPLY_LIMIT in body:
            body[self.limit] = body.pop(REPLY_LIMIT)
        if self.schema == "json_schema":
            told = body["response_format"]["json_schema"]
            told["schema"] = _pruned(told["schema"], self.without)
            if "strict" in self.without:
                del told["strict"]
        elif self.schema == "json_object":
            body["response_format"] = {"type": "json_object"}
        else:
            del body["response_format"]
        if self.said:
            body["messages"] = _with_schema(body["messages"], request.schema_json)
        if not self.system:
            body["messages"] = _without_system(body["messages"])
        return body

    def spelt_out(self) -> "Dialect":
        """The form to ask again in, where a reply in this one was not held to the schema."""
        if self.schema == "json_schema" and self.without:  # as a schema, it says too little
            return replace(self, schema="json_object", without=frozenset(), said=True)
        return replace(self, said=True)

    def lower(self, refusal: "Refusal", answered: bool) -> "Dialect | None":
        """The form to try after a refusal; None where the form is not to blame, or none is left.

        Args:
            answered: a request in this form was answered, so a refusal that does not name the
                form is about something else.
        """
        words = refusal.words
        if not refusal.may_be_of_form:
            return None
        if self.schema == "json_schema" and (named := refusal.keywords - self.without):
            return replace(self, without=self.without | named)
        concern = refusal.concern() or ("format" if refusal.keywords else "")
        if concern == "limit":
            return replace(self, limit=_OLD_LIMIT) if self.limit != _OLD_LIMIT else None
        if concern == "role":
            return replace(self, system=False) if self.system else None
        if concern == "format":
            of_schema = refusal.keywords or _SCHEMA.search(words)
            return self._looser() if of_schema else self._less_than_a_schema()
        if answered or refusal.status not in _MAY_NAME_NONE:
            return None
        if self.limit != _OLD_LIMIT:
            return replace(self, limit=_OLD_LIMIT)
        return self._looser()

    def _looser(self) -> "Dialect | None":
        """The next form that asks less of the server about the schema."""
        if self.schema == "json_schema" and _COUNTS - self.without:
            return replace(self, without=self.without | _COUNTS)
        return self._less_than_a_schema()

    def _less_than_a_schema(self) -> "Dialect | None":
        if self.schema == "text":
            return None
        schema = "json_object" if self.schema == "json_schema" else "text"
        return replace(self, schema=schema, without=frozenset(), said=True)


@dataclass(frozen=True)
class Refusal:
    """A refusal's HTTP status and all its words, in small letters and without quotes."""

    status: int
    words: str

    @property
    def may_be_of_form(self) -> bool:
        """Whether another form could be taken: not so where the server is busy or knows nobody, or
        names something else: a model, a policy, a value, a length (with the format, at times)."""
        if self.status not in _NAMES_A_REFUSAL or _CONTEXT.search(self.words):
            return False
        concern = self.concern()
        is_value = concern == "temperature" or (concern == "limit" and _TOO_MUCH.search(self.words))
        return bool(self.keywords) or not (is_value or concern == "something else")

    @property
    def keywords(self) -> frozenset[str]:
        """The keywords of our schemas that it names, however they are spelt."""
        words = self.words.replace("_", "")
        return frozenset(k for k in _KEYWORDS if re.search(rf"\b{k.casefold()}\b", words))

    def concern(self) -> str:
        """What of the request it names first; ``""`` for nothing that it could be about."""
        found = {
            concern: match.start()
            for concern, pattern in _CONCERNS.items()
            if (match := pattern.search(self.words))
        }
        return min(found, key=found.__getitem__, default="")


_CONCERNS = {
    "limit": _LIMIT,
    "temperature": re.compile("temperature"),
    "role": _ROLE,
    "format": _FORMAT,
    "something else": _SOMETHING_ELSE,
}


def refusal_of(status: int, text: str) -> Refusal:
    """What a server said, but for what it repeats of the request.

    Args:
        text: the body of its reply, JSON or not.
    """
    with suppress(ValueError, RecursionError):
        text = json.dumps(_unrepeated(json.loads(text)), ensure_ascii=False)
    return Refusal(status, _QUOTES.sub("", text[:20_000].casefold()))


def flag_to_change(refusal: Refusal, request: Request) -> str:
    """What a person must do about a refusal that no form of the request could mend, if anything."""
    params, words = json.loads(request.params_json), refusal.words
    concern = refusal.concern()
    chosen = params.get("temperature") is not None
    if refusal.status in (400, 422) and concern == "temperature" and chosen:
        return "leave --temperature out, or give one that it takes"
    most = _TOKENS_A_MINUTE.search(words)
    never_fits = refusal.status == 429 and most and int(most[2]) > int(most[1])
    too_long = refusal.status in (400, 422) and (
        _CONTEXT.search(words) or (concern == "limit" and _TOO_MUCH.search(words))
    )
    if never_fits or too_long or (refusal.status == 413 and "token" in words):
        return f"lower --max-completion-tokens, now {params.get(REPLY_LIMIT)}"
    return ""


def _pruned(schema: Any, without: frozenset[str]) -> Any:
    """A schema without these keywords; names of properties are none."""
    if isinstance(schema, list):
        return [_pruned(item, without) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name not in without}
    for name, value in kept.items():
        if name == "properties":
            kept[name] = {key: _pruned(part, without) for key, part in value.items()}
        else:
            kept[name] = _pruned(value, without)
    return kept


def _with_schema(messages: list[dict[str, str]], schema_json: str) -> list[dict[str, str]]:
    """The schema closes the instructions: all requests of one schema share what comes before the
    class, and the class stays last."""
    first, *others = messages
    said = f"The JSON object must fit this JSON schema:\n{schema_json}"
    return [{**first, "content": f"{first['content']}\n\n{said}"}, *others]


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    first, second, *others = messages
    return [{**second, "content": f"{first['content']}\n\n{second['content']}"}, *others]


def _unrepeated(said: Any) -> Any:
    """A decoded error without what validators call ``input``: a part of the request itself."""
    if isinstance(said, dict):
        return {name: _unrepeated(part) for name, part in said.items() if name != "input"}
    return [_unrepeated(part) for part in said] if isinstance(said, list) else said
