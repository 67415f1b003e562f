"""Turn values into canonical JSON, and canonical JSON into stable keys.

In:  plain values (str, int, float, bool, None, list, dict with str keys).
Out: sha256 hex digests that mean the same on every machine and in every run.

A key never holds how a request travels (provider, URL, API key, retries, concurrency), so a
hosted run, a batch run and a local run of the same request share one answer. The sample index
and the JSON schema are in the key, because caches that left them out returned the wrong answer
(promptfoo#360, accrue#39); ``KEY_VERSION`` is in it so that the recipe itself can change.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

KEY_VERSION = 1


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, no spaces, 1.0 written as 1, no NaN.

    Raises: ValueError, for NaN or infinity; TypeError, for a value JSON cannot hold.
    """
    return json.dumps(
        _canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False,
        allow_nan=False,
    )  # fmt: skip


def _canonical(value: Any) -> Any:
    if isinstance(value, (str, int)):  # nearly all there is; to ask for a Mapping is slow
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("canonical JSON: wanted text keys only")
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    return value


def sha256_hex(data: str | bytes) -> str:
    """sha256 of the bytes, or of the text as UTF-8, in 64 hex digits."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def normalise_text(text: str) -> str:
    """NFC, with every run of white space as one space and none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def scene_key(name: str) -> str:
    """What two spellings of one scene have in common: "Hotel Room" and "hotel_room", too."""
    return normalise_text(name.replace("_", " ")).casefold()


def text_id(text: str) -> str:
    """Key of a text: two spellings that differ only in white space or Unicode form are one."""
    return sha256_hex("text:" + normalise_text(text))


def request_key(
    *,
    model: str,
    messages: Sequence[Mapping[str, str]],
    params: Mapping[str, Any],
    schema: Mapping[str, Any],
    sample_index: int,
) -> str:
    """Key of one LLM request; equal keys mean the stored answer is the answer.

    Args:
        params: every sampling parameter that reaches the model, nulls included.
        schema: the JSON schema the reply is bound to.
        sample_index: 0 for the first sample of a prompt, 1 for the second, ...
    """
    return sha256_hex(
        canonical_json(
            {
                "key_version": KEY_VERSION,
                "model": model,
                "messages": list(messages),
                "params": params,
                "schema": schema,
                "sample_index": sample_index,
            }
        )
    )


class RequestKeys:
    """``request_key`` for many requests that share their model, parameters, schema and prefix.

    Hashes what is shared once: a key then costs as much as the text that is its own.

    Args:
        opening: canonical JSON of the messages up to where the requests part ways.
    """

    def __init__(
        self, *, model: str, params: Mapping[str, Any], schema: Mapping[str, Any], opening: str
    ) -> None:
        head = f'{{"key_version":{KEY_VERSION},"messages":{opening}'
        self._head = hashlib.sha256(head.encode())
        shared = {"model": model, "params": params}
        self._middle = f',{canonical_json(shared)[1:-1]},"sample_index":'
        self._tail = f',"schema":{canonical_json(schema)}}}'

    def key(self, closing: str, sample_index: int) -> str:
        """Key of the request whose messages are ``opening + closing`` in canonical JSON."""
        found = self._head.copy()
        found.update(f"{closing}{self._middle}{sample_index}{self._tail}".encode())
        return found.hexdigest()
