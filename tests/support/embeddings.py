"""Replies to requests for embeddings, as OpenAI's API gives them and with the accents of others.

In:  a request's body, and an accent: names of ``ACCENTS`` and limits, joined by ``+``.
Out: an HTTP status and a body; vectors are hashes of the texts, the same in every process.

``most=32`` refuses more texts at once (``in=NAME``: in the words of one of ``TOO_MANY``),
``longest=40`` longer ones (by letters; ``longest500`` with HTTP 500), ``seed=2`` is another model
under the same name, ``wide`` has one number more; ``bad=WORD`` gives no usable vector of a text
with that word.
"""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

DIM = 8
Reply = dict[str, Any]
ACCENTS: dict[str, Callable[[Reply], Any]] = {}


TOO_MANY: dict[str, tuple[int, Any]] = {  # as public reports quote them
    "tei": (413, {"error": "batch size 64 > maximum allowed batch size 32", "type": "Validation"}),
    "siliconflow": (
        413, {"code": 20042, "message": "input batch size 64 > maximum allowed batch size 32"}
    ),
    "dashscope": (
        400,
        {"error": {"message": "<400> InternalError.Algo.InvalidParameter: Value error, batch size "
                   "is invalid, it should not be larger than 10.: input.contents",
                   "type": "InvalidParameter", "code": "InvalidParameter"}},
    ),
    "vertex": (500, {"error": {"message": "The model only supports up to 20000 tokens"}}),
    "gemini": (
        400,
        [{"error": {"code": 400, "status": "INVALID_ARGUMENT",
                    "message": "BatchEmbedContentsRequest.requests: at most 100 requests"}}],
    ),
    "mistral": (
        400,
        {"object": "error", "type": "invalid_request_prompt", "code": "3210",
         "message": "Too many inputs in request, split into more batches."},
    ),
    "in_200": (200, {"error": {"message": "batch too large", "code": 400}}),
}  # fmt: skip


def vector(text: str, seed: str = "", dim: int = DIM) -> list[float]:
    """Of length 3: many servers do not normalise."""
    digest = np.frombuffer(hashlib.sha256(f"{seed}{text}".encode()).digest(), np.int8)
    row = np.resize(digest, dim).astype(np.float64)
    return [float(value) for value in 3 * row / np.linalg.norm(row)]


def embeddings(body: Mapping[str, Any], accent: str) -> tuple[int, bytes]:
    """The reply to a request, in that accent."""
    parts = [part.partition("=") for part in filter(None, accent.split("+"))]
    given = {name: value for name, _, value in parts}
    texts = body["input"]
    refusal = _refusal(body, texts, given)
    if refusal is not None:
        return refusal
    dim = DIM + ("wide" in given)
    reply: Any = {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": n, "embedding": vector(t, given.get("seed", ""), dim)}
            for n, t in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 2 * len(texts), "total_tokens": 2 * len(texts)},
    }
    for item, text in zip(reply["data"], texts, strict=True):
        if "bad" in given and given["bad"] in text:
            item["embedding"] = [math.nan] * dim
    for name in given:
        if name in ACCENTS:
            reply = ACCENTS[name](reply)
    return 200, json.dumps(reply).encode()


def _refusal(
    body: Mapping[str, Any], texts: list[str], given: Mapping[str, str]
) -> tuple[int, bytes] | None:
    if "strict" in given and body.keys() != {"model", "input"}:
        return 422, b'{"detail": "Extra inputs are not permitted"}'
    if len(texts) > int(given.get("most", len(texts))):
        status, said = TOO_MANY[given.get("in", "tei")]
        return status, json.dumps(said).encode()
    for name, status in (("longest", 400), ("longest500", 500)):
        limit = int(given.get(name, 10**6))
        if max(map(len, texts)) > limit:
            words = f"This model's maximum context length is {limit} tokens"
            return status, json.dumps({"error": {"message": words, "code": status}}).encode()
    return None


def _accent(function: Callable[[Reply], Any]) -> Callable[[Reply], Any]:
    ACCENTS[function.__name__] = function
    return function


@_accent
def base64_floats(reply: Reply) -> Reply:
    for item in reply["data"]:
        row = np.asarray(item["embedding"], "<f4")
        item["embedding"] = base64.b64encode(row.tobytes()).decode()
    return reply


@_accent
def shuffled(reply: Reply) -> Reply:
    return {**reply, "data": reply["data"][::-1]}


@_accent
def no_index(reply: Reply) -> Reply:
    for item in reply["data"]:
        del item["index"]
    return reply


@_accent
def same_index(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["index"] = 0
    return reply


@_accent
def nested(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["embedding"] = [item["embedding"]]
    return reply


@_accent
def for_each_token(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["embedding"] = [item["embedding"]] * 2
    return reply


@_accent
def bare_list(reply: Reply) -> Any:
    return reply["data"]


@_accent
def no_usage(reply: Reply) -> Reply:
    del reply["usage"]
    return reply


@_accent
def one_short(reply: Reply) -> Reply:
    return {**reply, "data": reply["data"][:-1]}


@_accent
def zeros(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["embedding"] = [0.0] * len(item["embedding"])
    return reply


@_accent
def nulls(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["embedding"] = [None] * len(item["embedding"])
    return reply


@_accent
def words(reply: Reply) -> Reply:
    for item in reply["data"]:
        item["embedding"] = "not base64!"
    return reply
