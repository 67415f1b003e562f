"""Run stage one: vocabulary -> plan -> answers -> store -> embeddings -> TextBank, and its audit.

In:  a configuration or a ``Source``.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from langseg.cache.errors import InputError, UpstreamError, UsageError
from langseg.cache.keys import text_id
from langseg.cache.records import (
    TABLES,
    Descriptor,
    Request,
    Response,
    Text,
    embedding_schema,
    to_table,
)
from langseg.pipelines.config import DescribeConfig, Source
from langseg.pipelines.console import Advance

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from langseg.cache.audit import Answer
    from langseg.cache.store import Store
    from langseg.descriptors.build_bank import Phrase
    from langseg.descriptors.prompts import Prompt
    from langseg.descriptors.providers import Provider
    from langseg.descriptors.select import Selection
    from langseg.descriptors.text_encoder import EncoderRecord, TextEncoder
    from langseg.descriptors.vocabulary import Vocabulary

Kind = TypeVar("Kind", Request, Response, Descriptor)

ENCODE_CHUNK = 4096  # texts embedded between two commits: at most that many are encoded twice


def run_generate(config: DescribeConfig, advance: Advance) -> dict[str, Any]:
    """Ask for what the store does not hold.

    Raises: UpstreamError, when some requests failed for good in this run (the rest is committed).
    """
    from langseg.cache.store import Store
    from langseg.descriptors.generate import GenerateReport, generate

    def on_event(kind: str, report: GenerateReport) -> None:
        advance(report.cached + report.asked, report.planned)

    asked = _asked(config)
    report = generate(
        asked.vocabulary,
        asked.provider,
        Store.open(config.store, create=True),
        prompt=asked.prompt,
        model=asked.model,
        params=asked.params,
        max_requests=config.max_requests,
        on_event=on_event,
    )
    name = asked.vocabulary.name
    if report.still_open:
        raise UpstreamError(
            f"{name}: {report.still_open} of {report.planned} requests got no answer; the others "
            "are committed, run the same command again to ask only for these"
        )
    dropped = sum(report.rejected.values())
    sentence = (
        f"{name}: {report.planned} requests, {report.cached} already answered, "
        f"{report.asked} asked of {asked.model}; {report.accepted} phrases kept, {dropped} dropped"
    )
    if report.recovered:
        sentence += f"; {report.recovered} answers recovered from a run that was cut off"
    if config.provider == "bundled":
        sentence += "; no LLM was called: these descriptors ship with LangSeg"
    return {**asdict(report), "sentence": sentence + "; next: langseg-desc encode"}


def run_plan(config: DescribeConfig) -> dict[str, Any]:
    """What ``run_generate`` would ask; the store need not exist."""
    from langseg.cache.store import Store
    from langseg.descriptors.generate import settled_keys
    from langseg.descriptors.plan import plan_requests, summarise_plan

    asked = _asked(config)
    requests = plan_requests(asked.vocabulary, asked.prompt, asked.model, asked.params)
    try:
        settled = settled_keys(Store.open(config.store))
    except InputError:  # no store yet: nothing is settled
        settled = set()
    summary = asdict(summarise_plan(requests, settled))
    return {"vocabulary": asked.vocabulary.name, "model": asked.model, **summary}


def run_encode(source: Source, encoder_name: str, advance: Advance) -> dict[str, Any]:
    """Embed what the vocabulary's bank needs and the store does not hold yet."""
    from langseg.descriptors.build_bank import bank_texts
    from langseg.descriptors.text_encoder import load_encoder

    store, vocabulary, selection = _selected(source)
    texts = bank_texts(vocabulary, _phrases(store, vocabulary, selection))
    encoder = load_encoder(encoder_name)
    missing = _not_embedded(store, encoder, texts)
    truncated = 0
    with store.writer() as writer:
        for done, rows, table in _embedded_chunks(encoder, missing):
            writer.commit(
                {"texts": to_table(Text, rows)},
                embeddings={encoder.record.encoder_id: table},
                encoders={encoder.record.encoder_id: asdict(encoder.record)},
            )
            truncated += sum(table["truncated"].to_pylist())
            advance(done, len(missing))
    cut = f", {truncated} of them cut at {encoder.record.max_tokens} tokens" if truncated else ""
    return {
        "encoder": encoder.record.encoder_id,
        "texts": len(texts),
        "embedded": len(missing),
        "truncated": truncated,
        "sentence": f"{vocabulary.name}: {len(texts)} texts, {len(missing)} newly embedded by "
        f"{encoder.record.encoder_id}{cut}; next: langseg-desc bank",
    }


def run_bank(source: Source, encoder_name: str) -> dict[str, Any]:
    """Build and save the TextBank of a vocabulary; the same content is the same folder."""
    import numpy as np

    from langseg.cache.bank import save_bank
    from langseg.descriptors.build_bank import build_bank

    store, vocabulary, selection = _selected(source)
    record = _record(store, encoder_name)
    table = store.embeddings(record.encoder_id, ("text_id", "emb"))
    vectors = np.concatenate(
        [np.zeros(0, np.float16)]
        + [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table["emb"].chunks]
    ).reshape(-1, record.dim)
    bank = build_bank(
        vocabulary,
        _phrases(store, vocabulary, selection),
        dict(zip(table["text_id"].to_pylist(), vectors, strict=True)),
        record,
        model=selection.model,
        manifest=store.manifest.name,
    )
    folder = save_bank(bank, store.path / "banks")
    named = ", ".join(selection.unanswered[:5])
    bare = f"; {len(selection.unanswered)} classes have only their name ({named})" * bool(named)
    return {
        "bank": str(folder),
        "fingerprint": bank.fingerprint,
        "classes": len(bank.names),
        "descriptors": int(bank.mask.sum()),
        "scenes": len(bank.scenes) - 1,
        "only_names": list(selection.unanswered),
        "sentence": f"{vocabulary.name}: TextBank of {len(bank.names)} classes, "
        f"{int(bank.mask.sum())} phrases, {len(bank.scenes) - 1} scenes{bare}",
    }


def run_audit(store_path: Path, dataset: str | None) -> dict[str, Any]:
    """Answer every standing question; with a dataset, name its classes without descriptors."""
    from langseg.cache.audit import AUDIT_QUESTIONS, ask
    from langseg.cache.views import question_sql
    from langseg.descriptors.vocabulary import load_vocabulary

    connection = _lens(store_path, vectors=False)
    answers = [
        {"name": name, "question": _question(question_sql(name)), **_listed(ask(connection, name))}
        for name in AUDIT_QUESTIONS
    ]
    coverage = next(answer for answer in answers if answer["name"] == "coverage")
    counts = {row[0]: row[1] for row in coverage["rows"]}
    named = [entry.name for entry in load_vocabulary(dataset).classes] if dataset else list(counts)
    missing = [name for name in named if not counts.get(name)]
    found = sorted(counts.get(name, 0) for name in named)
    spread = f"{found[0]} to {found[-1]}, median {found[len(found) // 2]}" if found else "none"
    sentence = f"{len(named)} classes, {sum(found)} descriptors kept ({spread} for a class)"
    if missing:
        sentence += f"; {len(missing)} without any: {', '.join(missing[:10])}"
    return {"answers": answers, "missing": missing, "sentence": sentence}


def run_sql(store_path: Path, statement: str, max_rows: int, time_limit_s: float) -> "Answer":
    """One SELECT of a person over the live snapshot."""
    from langseg.cache.audit import needs_vectors, select

    connection = _lens(store_path, vectors=needs_vectors(statement))
    return select(connection, statement, max_rows=max_rows, time_limit_s=time_limit_s)


def run_verify(store_path: Path) -> list[str]:
    """Every problem of the store and its banks, a sentence each."""
    from langseg.cache.bank import load_bank
    from langseg.cache.errors import CorruptError
    from langseg.cache.store import Store

    problems = Store.open(store_path).verify()
    for header in sorted((store_path / "banks").glob("*/bank.json")):
        try:
            load_bank(header.parent)
        except CorruptError as exc:
            problems.append(str(exc))
    return problems


@dataclass(frozen=True)
class _Asked:
    """Who is asked for what: a configuration, resolved."""

    vocabulary: "Vocabulary"
    prompt: "Prompt"
    provider: "Provider"
    model: str
    params: Mapping[str, Any]


def _asked(config: DescribeConfig) -> _Asked:
    from langseg.descriptors.prompts import load_prompt
    from langseg.descriptors.providers import find_provider
    from langseg.descriptors.vocabulary import load_vocabulary

    vocabulary = load_vocabulary(config.shipped, config.classes)
    prompt = load_prompt(
        n_attributes=config.attributes,
        n_subclasses=config.subclasses,
        n_per_subclass=config.per_subclass,
        n_scene_attributes=config.scene_attributes,
    )
    provider = find_provider(config.provider)
    if config.provider == "bundled":
        bundled = provider(vocabulary)
        return _Asked(vocabulary, prompt, bundled, bundled.model, bundled.params)
    if not config.model:
        raise UsageError("provider openai: wanted a model to ask, got none; give --model")
    from langseg.descriptors.endpoint import DEFAULT_BASE_URL
    from langseg.descriptors.rate import Limits

    base_url = config.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    limits = Limits(max_concurrency=config.concurrency)
    params = {
        "temperature": config.temperature,
        "max_completion_tokens": config.max_completion_tokens,
    }
    hosted = provider(base_url=base_url, limits=limits)
    return _Asked(vocabulary, prompt, hosted, config.model, params)


def _selected(source: Source) -> tuple["Store", "Vocabulary", "Selection"]:
    from langseg.cache.store import Store
    from langseg.descriptors.select import select_answers
    from langseg.descriptors.vocabulary import load_vocabulary

    vocabulary = load_vocabulary(source.shipped, source.classes)
    store = Store.open(source.store)
    accepted_at: dict[str, str] = {}
    for response in _rows(store, Response, "responses"):
        if response.status == "ok":
            key, at = response.request_key, response.created_at
            accepted_at[key] = max(at, accepted_at.get(key, ""))
    requests = _rows(store, Request, "requests")
    return store, vocabulary, select_answers(vocabulary, requests, accepted_at, source.model)


def _phrases(
    store: "Store", vocabulary: "Vocabulary", selection: "Selection"
) -> dict[str, tuple["Phrase", ...]]:
    from langseg.descriptors.build_bank import class_phrases

    rows = (
        row for row in _rows(store, Descriptor, "descriptors") if row.request_key in selection.keys
    )
    texts = store.table("texts", ("text_id", "text"))
    return class_phrases(
        vocabulary,
        rows,
        dict(zip(texts["text_id"].to_pylist(), texts["text"].to_pylist(), strict=True)),
    )


def _rows(store: "Store", kind: type[Kind], table: str) -> Iterator[Kind]:
    for batch in store.table(table).to_batches():
        for row in batch.to_pylist():
            yield kind(**row)


def _not_embedded(store: "Store", encoder: "TextEncoder", texts: Iterable[str]) -> list[str]:
    """Texts without a vector, shortest first, so that a batch holds texts of like length."""
    encoder_id = encoder.record.encoder_id
    known: set[str] = set()
    if encoder_id in store.encoders():
        known = set(store.embeddings(encoder_id, ("text_id",))["text_id"].to_pylist())
    return sorted((text for text in texts if text_id(text) not in known), key=len)


def _embedded_chunks(
    encoder: "TextEncoder", texts: list[str]
) -> Iterator[tuple[int, list[Text], "pa.Table"]]:
    """(texts done so far, their rows, their vectors), one chunk at a time."""
    import numpy as np
    import pyarrow as pa

    schema = embedding_schema(encoder.record.dim)
    for start in range(0, len(texts), ENCODE_CHUNK):
        chunk = texts[start : start + ENCODE_CHUNK]
        vectors, n_tokens = encoder.encode(chunk)
        rows = [Text(text_id=text_id(text), text=text, n_chars=len(text)) for text in chunk]
        values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
        columns = [
            pa.array([row.text_id for row in rows], pa.string()),
            pa.FixedSizeListArray.from_arrays(values, type=schema.field("emb").type),
            pa.array(n_tokens, pa.int32()),
            pa.array(n_tokens > encoder.record.max_tokens, pa.bool_()),
        ]
        yield start + len(chunk), rows, pa.Table.from_arrays(columns, schema=schema)


def _record(store: "Store", encoder_name: str) -> "EncoderRecord":
    """The record of an encoder the store holds vectors of; the encoder itself is not loaded."""
    from langseg.descriptors.text_encoder import EncoderRecord, full_name

    known = [EncoderRecord(**record) for record in store.encoders().values()]
    for record in known:
        if record.model == full_name(encoder_name):
            return record
    raise InputError(
        f"{store.path}: wanted embeddings of {encoder_name!r}, the store has those of "
        f"{', '.join(record.model for record in known) or 'none'}; run `langseg-desc encode`"
    )


def _lens(store_path: Path, *, vectors: bool) -> "DuckDBPyConnection":
    """The audit's locked DuckDB over every table of the live snapshot."""
    import pyarrow as pa

    from langseg.cache.audit import open_audit
    from langseg.cache.store import Store

    store = Store.open(store_path)
    columns = [name for name in embedding_schema(1).names if vectors or name != "emb"]
    parts = []
    for encoder_id in store.encoders():
        table = store.embeddings(encoder_id, columns)
        named = pa.array([encoder_id] * table.num_rows, pa.string())
        parts.append(_as_lists(table).append_column("encoder", named))
    if not parts:
        empty = embedding_schema(1).empty_table().select(columns)
        parts.append(_as_lists(empty).append_column("encoder", pa.array([], pa.string())))
    tables = {name: store.table(name) for name in TABLES}
    return open_audit({**tables, "embeddings": pa.concat_tables(parts)})


def _as_lists(table: "pa.Table") -> "pa.Table":
    """Vectors as float32 lists of any width: DuckDB has no float16, encoders differ in width."""
    import pyarrow as pa

    if "emb" not in table.column_names:
        return table
    at = table.column_names.index("emb")
    return table.set_column(at, "emb", table["emb"].cast(pa.list_(pa.float32())))


def _question(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)


def _listed(answer: "Answer") -> dict[str, Any]:
    return {"columns": list(answer.columns), "rows": [list(row) for row in answer.rows]}
