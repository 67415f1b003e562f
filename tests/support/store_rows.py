"""Rows a small run could have made.

Runs without pytest: ``store_worker.py`` writes them, too.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from langseg.cache.keys import sha256_hex, text_id
from langseg.cache.records import (
    TABLES,
    Descriptor,
    Request,
    Response,
    Text,
    VocabularyClass,
    embedding_schema,
    to_table,
)

DIM = 8
RECORD = {"model": "tiny", "dim": DIM}


def make_answer(number: int, run_id: str = "run-a", status: str = "ok") -> tuple[Request, Response]:
    key = sha256_hex(f"request {number}")
    request = Request(
        request_key=key,
        class_name="wall",
        sense="wall sense",
        scene="*",
        sample_index=number,
        model="a-model",
        prompt_id="visual_v1",
        params_json='{"temperature":0.7}',
        messages_json='[{"content":"wall","role":"user"}]',
        schema_json="{}",
    )
    response = Response(
        request_key=key,
        attempt=1,
        status=status,
        raw_text=f'{{"attributes": ["phrase {number}", "häufig \u2603"]}}',
        finish_reason="stop",
        provider="replay",
        dialect="json_schema",
        served_model="a-model",
        system_fingerprint="",
        prompt_tokens=40,
        completion_tokens=12,
        cached_tokens=None,
        cost_usd=None,
        latency_s=0.25,
        created_at="2026-11-01T12:00:00Z",
        error="",
        run_id=run_id,
    )
    return request, response


def make_tables(answers: Iterable[tuple[Request, Response]]) -> dict[str, pa.Table]:
    """Every table; each answer has a phrase of its own and one that all share."""
    answers = list(answers)
    phrases = [
        (request, rank, phrase)
        for request, _ in answers
        for rank, phrase in enumerate(("flat and upright", f"phrase {request.sample_index}"))
    ]
    descriptors = [
        Descriptor(
            descriptor_id=sha256_hex(f"{request.request_key} {rank}"),
            request_key=request.request_key,
            text_id=text_id(phrase),
            class_name="wall",
            scene="*",
            subclass="",
            slot="shape",
            rank=rank,
            rejected="",
            parser_version=1,
        )
        for request, rank, phrase in phrases
    ]
    texts = [Text(text_id=text_id(p), text=p, n_chars=len(p)) for _, _, p in phrases]
    rows: dict[str, list[Any]] = {
        "requests": [request for request, _ in answers],
        "responses": [response for _, response in answers],
        "descriptors": descriptors,
        "texts": texts,
        "classes": [VocabularyClass(vocabulary="mine", class_name="wall", sense="wall sense")],
    }
    return {name: to_table(TABLES[name], rows[name]) for name in TABLES}


def make_vectors(text_ids: Iterable[str], dim: int = DIM) -> pa.Table:
    """One unit vector for each text, the same one whenever it is asked for."""
    text_ids = list(dict.fromkeys(text_ids))
    vectors = np.zeros((len(text_ids), dim), np.float32)
    for row, name in zip(vectors, text_ids, strict=True):
        row[:] = np.random.default_rng(int(name[:8], 16)).normal(size=dim)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    schema = embedding_schema(dim)
    flat = pa.array(vectors.astype(np.float16).reshape(-1))
    columns = [
        pa.array(text_ids, pa.string()),
        pa.FixedSizeListArray.from_arrays(flat, type=schema.field("emb").type),
        pa.array([3] * len(text_ids), pa.int32()),
        pa.array([False] * len(text_ids)),
    ]
    return pa.Table.from_arrays(columns, schema=schema)
