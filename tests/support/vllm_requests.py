"""Requests for a model that writes noise, and the way to ask them."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from langseg.cache.keys import canonical_json, request_key
from langseg.cache.records import ANY_SCENE, Request
from langseg.cache.store.journal import Answer
from langseg.descriptors.providers.base import Provider
from langseg.descriptors.providers.budget import Budget

PHRASE = {
    "type": "object",
    "properties": {
        "slot": {"type": "string", "enum": ["shape", "colour"]},
        "text": {"type": "string", "maxLength": 12},
    },
    "required": ["slot", "text"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {"attributes": {"type": "array", "items": PHRASE, "minItems": 3, "maxItems": 3}},
    "required": ["attributes"],
    "additionalProperties": False,
}
GOOD_PHRASE = {  # whatever the model writes is accepted
    **PHRASE,
    "properties": {
        "slot": {"type": "string", "enum": ["shape"]},
        "text": {"type": "string", "enum": ["broad flat surface", "thin round stem"]},
    },
}
GOOD_SCHEMA = {
    **SCHEMA,
    "properties": {
        "attributes": {"type": "array", "items": GOOD_PHRASE, "minItems": 1, "maxItems": 1}
    },
}
UNSUPPORTED = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}  # by xgrammar
WHOLE_REPLY = 250  # tokens: more than the schema lets a reply have (3 phrases of 12 characters)
GIVE_UP_S = 180
SYSTEM = "Describe what a photo shows of a thing: its shape and its colour, in few words. " * 4


def request(
    name: str, *, model: str, text: str = "", schema: dict[str, Any] | None = None, **params: Any
) -> Request:
    """A request about ``name``; ``params`` take the place of temperature 1 and a whole reply."""
    data = {"name": name, "synonyms": [], "definition": ""}
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"{text}\nClass: {json.dumps(data)}"},
    ]
    params = {"temperature": 1, "max_completion_tokens": WHOLE_REPLY, **params}
    schema = schema or SCHEMA
    return Request(
        request_key=request_key(
            model=model, messages=messages, params=params, schema=schema, sample_index=0
        ),
        class_name=name,
        sense="",
        scene=ANY_SCENE,
        sample_index=0,
        model=model,
        prompt_id="test",
        params_json=canonical_json(params),
        messages_json=canonical_json(messages),
        schema_json=canonical_json(schema),
    )


def things(count: int, model: str, **params: Any) -> list[Request]:
    return [request(f"thing {n}", model=model, **params) for n in range(count)]


def answers(
    provider: Provider,
    requests: Iterable[Request],
    budget: Budget | None = None,
    *,
    close: bool = False,
) -> list[Answer]:
    async def collect() -> list[Answer]:
        try:
            return [row async for row in provider.answer(requests, budget or Budget())]
        finally:
            if close:
                await provider.aclose()

    return asyncio.run(asyncio.wait_for(collect(), GIVE_UP_S))
