"""The rows of the store: one dataclass and one Arrow schema for each table.

In:  values from the descriptor stage.
Out: Arrow tables whose columns are the dataclass fields, in order.

``""`` stands for "none" in text columns, so that SQL needs no null rules; numbers that a
provider did not report are null, never 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from langseg.cache.keys import text_id

SCHEMA_VERSION = 3
ANY_SCENE = "*"
SLOTS = ("shape", "colour", "material", "texture", "part", "size", "position", "context")
NAME_SLOT = "name"  # the row that holds a subclass's own name
MODEL_PREFIX = "import:"  # of the model id that an imported set has
ANY_SLOT = "any"  # an imported phrase whose file names no slot; never asked of a model


@dataclass(frozen=True, kw_only=True)
class Request:
    """One planned LLM call. ``request_key`` is ``cache.keys.request_key`` of its content.

    ``class_name`` is ``""`` for a request about a scene: which classes are plausible in it.
    ``sense`` is that of the class, as in ``VocabularyClass``; no part of the key.
    """

    request_key: str
    class_name: str
    sense: str
    scene: str
    sample_index: int
    model: str
    prompt_id: str
    params_json: str
    messages_json: str
    schema_json: str


@dataclass(frozen=True, kw_only=True)
class Response:
    """One answer to a request, kept word for word.

    ``status``: ``ok`` was accepted; ``invalid``, ``refused``,
    ``truncated`` and ``empty`` are answers (and were paid for) without usable descriptors;
    ``failed`` is no answer at all, so a later run asks again.
    ``dialect`` is the form in which the server was told the schema, and whatever else of the
    request was put as it asks for; ``""`` where no model was asked.
    ``cost_usd`` is null when the price is unknown, never 0. ``created_at`` is ISO 8601 in UTC.
    """

    request_key: str
    attempt: int
    status: str
    raw_text: str
    finish_reason: str
    provider: str
    dialect: str
    served_model: str
    system_fingerprint: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    latency_s: float
    created_at: str
    error: str
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One phrase of a reply. ``rejected`` is ``""`` when accepted, else the reason's name.

    ``subclass`` is ``""`` for a phrase about the class itself; otherwise the phrase describes
    that subclass, whose parent is ``class_name``; the row in slot ``name`` is the subclass's
    own name. ``rank`` counts from 0 in the reply's order.
    """

    descriptor_id: str
    request_key: str
    text_id: str
    class_name: str
    scene: str
    subclass: str
    slot: str
    rank: int
    rejected: str
    parser_version: int


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text, stored once however many descriptors say it."""

    text_id: str
    text: str
    n_chars: int


@dataclass(frozen=True, kw_only=True)
class VocabularyClass:
    """A class of a vocabulary that was asked about. ``sense`` is a short hash of what a prompt
    tells of it: vocabularies that mean the same by a name share the answers, others do not."""

    vocabulary: str
    class_name: str
    sense: str


Row = Request | Response | Descriptor | Text | VocabularyClass
TABLES: dict[str, type[Any]] = {
    "requests": Request,
    "responses": Response,
    "descriptors": Descriptor,
    "texts": Text,
    "classes": VocabularyClass,
}
EMBEDDINGS = "embeddings"  # the table of vectors, whose columns follow from its text encoder
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    int | None: pa.int64(),
    float | None: pa.float64(),
}


def arrow_schema(row_type: type[Any]) -> pa.Schema:
    """Columns of a row type, in field order; only ``X | None`` fields may be null."""
    return pa.schema(
        [
            pa.field(field.name, _ARROW[field.type], nullable=not isinstance(field.type, type))
            for field in fields(row_type)
        ]
    )


def to_table(row_type: type[Any], rows: Iterable[Row]) -> pa.Table:
    """Rows as an Arrow table with the row type's schema, also when there are none.

    A lone surrogate, which JSON can carry in a reply and UTF-8 cannot, becomes U+FFFD.
    """
    listed, schema = list(rows), arrow_schema(row_type)
    columns = [
        _column([getattr(row, field.name) for row in listed], field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_utf8(value) for value in values], kind)


def _utf8(value: str) -> str:
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def embedding_schema(dim: int) -> pa.Schema:
    """Embeddings of one text encoder: ``emb`` is a unit vector of ``dim`` float16 values.

    float16 costs at most 1e-4 of pairwise similarity; a non-null fixed-size list is read more
    than twice as fast as a nullable one (measured on 200,000 rows of 384 values). A server that
    embeds texts tells neither how many tokens each has nor whether it cut one: both are null then.
    """
    value = pa.field("element", pa.float16(), nullable=False)
    return pa.schema(
        [
            pa.field("text_id", pa.string(), nullable=False),
            pa.field("emb", pa.list_(value, dim), nullable=False),
            pa.field("n_tokens", pa.int32()),
            pa.field("truncated", pa.bool_()),
        ]
    )


def text_table(texts: Iterable[str]) -> pa.Table:
    """The rows of ``texts`` that some texts are."""
    rows = (Text(text_id=text_id(text), text=text, n_chars=len(text)) for text in texts)
    return to_table(Text, rows)


def embedding_table(
    texts: Sequence[str],
    vectors: NDArray[np.floating],
    n_tokens: NDArray[np.int32] | None,
    max_tokens: int | None,
) -> pa.Table:
    """Rows of ``embedding_schema``.

    Args:
        vectors: unit rows [N, D], which are rounded to float16.
        n_tokens: [N]; a text with more than ``max_tokens`` was cut. None where nobody knows.
    """
    schema = embedding_schema(vectors.shape[1])
    values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    nothing = pa.nulls(len(texts))
    told = nothing if n_tokens is None else n_tokens
    cut = nothing if n_tokens is None or max_tokens is None else n_tokens > max_tokens
    columns = [
        pa.array([text_id(text) for text in texts], pa.string()),
        pa.FixedSizeListArray.from_arrays(values, type=schema.field("emb").type),
        pa.array(told, pa.int32()),
        pa.array(cut, pa.bool_()),
    ]
    return pa.Table.from_arrays(columns, schema=schema)
