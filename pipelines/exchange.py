"""Bring descriptors of others into a store, and give descriptors of a store to others.

In:  a file and a store.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.

The settings of both commands stand here, so nothing heavy is imported before one of them runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.pipelines.config import ARGUMENT, Source

if TYPE_CHECKING:
    from langseg.cache.store import Store
    from langseg.descriptors.export import ExportRow
    from langseg.descriptors.foreign import ForeignSet
    from langseg.descriptors.import_provider import ImportProvider
    from langseg.descriptors.tally import GenerateReport
    from langseg.descriptors.vocabulary import Vocabulary
    from langseg.pipelines.chosen import Chosen


class ImportConfig(Source):
    """What `import` takes."""

    file: Path = Field(
        description="Descriptors of others: json (CuPL, classify by description, or rows), "
        "jsonl, csv.",
        json_schema_extra=ARGUMENT,
    )
    model: str = Field(
        "", description="Name of the set, as --model of `bank` takes it.  [default: import:FILE]"
    )
    as_published: bool = Field(
        False,
        description="Keep every phrase, also what the checks would drop; the set then is "
        "import:FILE:as-published, and the reasons stay with its replies.",
    )


class ExportConfig(Source):
    """What `export` takes."""

    format: Literal["jsonl", "csv", "parquet", "hf"] = Field(
        "jsonl", description="jsonl, csv, parquet, or hf: a Hugging Face dataset with its card."
    )
    out: Path = Field(description="File to write; a folder with --format hf.")


def run_import(config: ImportConfig) -> dict[str, Any]:
    """Store a file's phrases as the answers of a model named ``import:...``.

    Raises: InputError, for a file that cannot be read, or that is about none of the classes.
    """
    from langseg.cache.store import Store
    from langseg.descriptors.generate import generate
    from langseg.descriptors.import_provider import ImportProvider
    from langseg.descriptors.vocabulary import load_vocabulary
    from langseg.pipelines.chosen import choose
    from langseg.pipelines.scenes import known_scenes

    foreign = _read(config.file)
    vocabulary, _ = known_scenes(config, load_vocabulary(config.shipped, config.classes))
    provider = ImportProvider(
        foreign, vocabulary, name=config.model, as_published=config.as_published
    )
    store = Store.open(config.store, create=True)
    done = generate([provider.plan], provider, store)
    chosen = choose(config.model_copy(update={"model": provider.model}))
    newest = {request.request_key for request in provider.plan} <= chosen.selection.keys
    return _imported(foreign, vocabulary, provider, done, newest)


def run_export(config: ExportConfig) -> dict[str, Any]:
    """Write what the bank of a vocabulary would hold; whole or not at all.

    Raises: InputError, when the store has no accepted answer for the vocabulary.
    """
    from langseg.cache.files import make_folder, write_atomic
    from langseg.descriptors.export import csv_bytes, jsonl_bytes, parquet_bytes
    from langseg.pipelines.chosen import choose

    chosen = choose(config)
    rows = _export_rows(chosen)
    if config.format == "hf":
        _write_dataset(config.out, chosen, rows)
    else:
        forms = {"jsonl": jsonl_bytes, "csv": csv_bytes, "parquet": parquet_bytes}
        make_folder(config.out.parent)
        write_atomic(config.out, forms[config.format](rows))
    classes = {row.class_name for row in rows}
    without = [e.name for e in chosen.vocabulary.classes if e.name not in classes]
    bare = f"; {len(without)} classes have none" if without else ""
    return {
        "out": str(config.out),
        "format": config.format,
        "rows": len(rows),
        "classes": len(classes),
        "without": without,
        "model": chosen.selection.model,
        "sentence": f"{chosen.vocabulary.name}: {len(rows)} descriptors of {len(classes)} classes, "
        f"written by {chosen.selection.model}, in {config.out}{bare}",
    }


def _read(path: Path) -> "ForeignSet":
    from langseg.descriptors.foreign import MAX_FILE_BYTES, parse_foreign

    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{path}: wanted descriptors in at most {MAX_FILE_BYTES // 2**20} MiB, got more; "
            "split the file"
        )
    return parse_foreign(data, path.name)


def _imported(
    foreign: "ForeignSet",
    vocabulary: "Vocabulary",
    provider: "ImportProvider",
    done: "GenerateReport",
    newest: bool,
) -> dict[str, Any]:
    from langseg.descriptors.import_provider import reasons

    match, judged = provider.match, provider.judged
    kept = [one for one in judged if not one.rejected]
    described = dict.fromkeys(one.class_name for one in judged)
    bare = [name for name in described if name not in {one.class_name for one in kept}]
    report: dict[str, Any] = {
        "file": foreign.file,
        "form": foreign.form,
        "file_sha256": foreign.sha256,
        "vocabulary": vocabulary.name,
        "model": provider.model,
        "classes": len(described),
        "phrases": len(judged),
        "accepted": len(kept),
        "rejected": reasons(judged),
        "flagged": reasons(kept, flags=True),
        "all_dropped": bare,
        "renamed": dict(match.renamed),
        "unknown": dict(match.unknown),
        "unknown_pairs": dict(match.unknown_pairs),
        "empty": list(match.empty),
        "missing": list(match.missing),
        "ignored": list(foreign.ignored),
        "planned": done.planned,
        "cached": done.cached,
        "asked": done.asked,
        "newest": newest,
        "manifest": done.manifest,
    }
    return {**report, "sentence": _said(report, len(vocabulary.classes))}


def _said(report: Mapping[str, Any], n_classes: int) -> str:
    """What came in, what of it was dropped, and everything of the file that found no place."""
    from langseg.descriptors.foreign_match import some

    dropped = report["phrases"] - report["accepted"]
    parts = [
        f"{report['file']} ({report['form']}): {_n(report['phrases'], 'phrase')} about "
        f"{report['classes']} of the {_n(n_classes, 'class')} of {report['vocabulary']}, "
        f"{report['accepted']} kept, {dropped} dropped{_listed(report['rejected'])}"
    ]
    if report["flagged"]:
        flagged = sum(report["flagged"].values())
        parts.append(f"{flagged} kept as published{_listed(report['flagged'])}")
    if renamed := report["renamed"]:
        taken = some(f"{label} for {name}" for label, name in renamed.items())
        parts.append(f"{_n(len(renamed), 'name')} taken for a class called otherwise ({taken})")
    for key, noun, what in (
        ("all_dropped", "class", "left without a phrase"),
        ("empty", "class", "listed in the file without a phrase"),
        ("missing", "class", "not in the file"),
        ("unknown", "name", "of the file that fit no class"),
        ("unknown_pairs", "pair", "of class and scene that the vocabulary lacks"),
        ("ignored", "column", "not read"),
    ):
        if found := report[key]:
            count = f", {_n(sum(found.values()), 'phrase')}" if isinstance(found, dict) else ""
            parts.append(f"{_n(len(found), noun)} {what}{count} ({some(found)})")
    if not report["asked"]:
        parts.append("the store had all of it")
    if not report["newest"]:
        parts.append(
            f"a later import named {report['model']} stands before it: give this one another "
            "name with --model"
        )
    if dropped * 2 > report["phrases"]:
        parts.append("--as-published keeps what was dropped, as a set of its own")
    parts.append("no LLM was called")
    return "; ".join(parts) + f"; next: langseg-desc encode --model {report['model']}"


def _n(count: int, noun: str) -> str:
    many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else many}"


def _listed(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{reason} {n}' for reason, n in counts.items())})" if counts else ""


def _export_rows(chosen: "Chosen") -> "list[ExportRow]":
    from langseg.cache.records import Descriptor, Request, Response
    from langseg.descriptors.export import export_rows

    store, keys = chosen.store, chosen.selection.keys
    texts = store.table("texts", ("text_id", "text"))
    responses: dict[str, Response] = {}
    for row in _of_requests(store, "responses", keys):
        response = Response(**row)
        known = responses.get(response.request_key)
        if response.status == "ok" and (known is None or known.created_at < response.created_at):
            responses[response.request_key] = response
    return list(
        export_rows(
            chosen.vocabulary,
            [Descriptor(**row) for row in _of_requests(store, "descriptors", keys)],
            dict(zip(texts["text_id"].to_pylist(), texts["text"].to_pylist(), strict=True)),
            {r["request_key"]: Request(**r) for r in _of_requests(store, "requests", keys)},
            responses,
        )
    )


def _of_requests(store: "Store", table: str, keys: frozenset[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = store.table(table)
    mine: list[dict[str, Any]] = rows.filter(
        pc.is_in(rows["request_key"], value_set=pa.array(list(keys), pa.string()))
    ).to_pylist()
    return mine


def _write_dataset(out: Path, chosen: "Chosen", rows: "list[ExportRow]") -> None:
    """A new folder appears whole; in one that is there (a clone of a hub repository) the data and
    then the card are replaced, and nothing else is touched."""
    from importlib.metadata import version
    from shutil import rmtree

    from langseg.cache.files import make_folder, sync_folder, temporary_beside, write_atomic
    from langseg.descriptors.dataset_card import DATA_FILE, dataset_card
    from langseg.descriptors.export import parquet_bytes

    card = dataset_card(
        chosen.vocabulary, rows, manifest=chosen.store.manifest.name, version=version("langseg")
    )
    make_folder(out.parent)
    folder = out if out.exists() else temporary_beside(out)
    try:
        make_folder((folder / DATA_FILE).parent)
        write_atomic(folder / DATA_FILE, parquet_bytes(rows))
        write_atomic(folder / "README.md", card.encode())
        if folder != out:
            folder.rename(out)
            sync_folder(out.parent)
    finally:
        if folder != out:
            rmtree(folder, ignore_errors=True)
