"""Read a server's reply to a request for embeddings, in whichever form it has.

In:  the text of a body, and how many texts were asked about.
Out: a unit row for each text, in the order of the texts; how many tokens they are.

Servers give numbers or base64 of float32 (also unasked), a row inside a list of its own, rows of
any length, and rows in any order: ``index`` says which is whose, and nothing else is believed.
"""

import json
import math
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.openai_api.error_reply import check_is_no_error


class NotVectorsError(ValueError):
    """A body that no OpenAI-compatible server sends for embeddings."""


class UnmatchedError(ValueError):
    """Vectors of which it is not certain which is of which text."""


@dataclass(frozen=True, eq=False)
class EmbeddingsReply:
    """A unit row [D] for each text; None where there is none that can be used.

    ``tokens`` of all the texts together; None where the server does not tell.
    """

    rows: Sequence[NDArray[np.float32] | None]
    tokens: int | None


def read_embeddings(body: str, n_texts: int) -> EmbeddingsReply:
    """Raises: NotVectorsError; UnmatchedError, of more than one text only; ErrorReplyError."""
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError) as exc:
        start = " ".join(body[:80].split())
        raise NotVectorsError(f"no JSON but {start!r}" if start else "an empty reply") from exc
    check_is_no_error(reply, "data")
    items = reply.get("data") if isinstance(reply, dict) else reply
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise NotVectorsError(f"a reply without a list of vectors: {body[:80]!r}")
    if n_texts == 1 and len(items) != 1:
        raise NotVectorsError(f"{len(items)} vectors for one text")
    rows = [_row(item.get("embedding")) for item in _in_order(items, n_texts)]
    return EmbeddingsReply(rows, _tokens(reply))


def _in_order(items: list[dict[str, Any]], n_texts: int) -> list[dict[str, Any]]:
    if n_texts == 1:
        return items
    if len(items) != n_texts:
        raise UnmatchedError(f"{len(items)} vectors for {n_texts} texts")
    by_index = {item.get("index"): item for item in items}
    if by_index.keys() != set(range(n_texts)):
        raise UnmatchedError("vectors that do not say which text they are of")
    return [by_index[index] for index in range(n_texts)]


def _row(embedding: Any) -> NDArray[np.float32] | None:
    """A unit row; None for NaN, null, zeros, words and other things that are no vector.

    Raises: NotVectorsError, for a row for each token.
    """
    try:
        if isinstance(embedding, str):
            found = np.frombuffer(b64decode(embedding, validate=True), "<f4").astype(np.float64)
        else:
            found = np.asarray(embedding, np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    if found.ndim == 2 and len(found) > 1:
        raise NotVectorsError(
            "a vector for each token instead of one for the text (llama.cpp: start the server with "
            "--pooling mean)"
        )
    row = found.reshape(-1)
    length = float(np.linalg.norm(row)) if row.size else 0.0
    return (row / length).astype(np.float32) if 0.0 < length < math.inf else None


def _tokens(reply: Any) -> int | None:
    usage = reply.get("usage") if isinstance(reply, dict) else None
    told = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else 0
    return told if isinstance(told, int) and told > 0 else None
