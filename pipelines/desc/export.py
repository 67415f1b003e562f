"""Give descriptors of a store to others.

In:  a vocabulary whose descriptors a store holds, and where they are to go.
Out: a file or a dataset folder; a report of what was done.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from langseg.descriptors.vocabulary.source import Source

if TYPE_CHECKING:
    from langseg.descriptors.bank.stored_set import StoredSet
    from langseg.descriptors.exchange.export import ExportRow


class ExportConfig(Source):
    """What `export` takes."""

    format: Literal["jsonl", "csv", "parquet", "hf"] = Field(
        "jsonl", description="jsonl, csv, parquet, or hf: a Hugging Face dataset with its card."
    )
    out: Path = Field(
        description="FILE.jsonl to write (or csv, parquet: --format); with --format hf a FOLDER: "
        "new, empty, or of an earlier export."
    )


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """``rows`` of ``classes``, all written by ``model``; the classes ``without`` have none."""

    out: Path
    format: str
    rows: int
    classes: int
    without: list[str]
    model: str
    sentence: str


def run_export(config: ExportConfig) -> ExportReport:
    """Write what the bank of a vocabulary would hold; whole or not at all.

    Raises: InputError, when the store has no accepted answer for the vocabulary, and for a target
        that is not to be replaced.
    """
    from importlib.metadata import version

    from langseg.cache.files import make_folder, write_atomic
    from langseg.descriptors.exchange.dataset_card import dataset_card
    from langseg.descriptors.exchange.export import csv_bytes, jsonl_bytes, parquet_bytes
    from langseg.pipelines.desc.open_sets import open_sets
    from langseg.pipelines.shared.output_file import check_file, check_folder, write_dataset

    if config.format == "hf":
        check_folder(config.out)
    else:
        hf = ", or write a dataset folder with --format hf"
        check_file(config.out, "--out", f"descriptors.{config.format}", hf)
    chosen = open_sets(config).of(config.model)
    rows = _export_rows(chosen)
    if config.format == "hf":
        snapshot = chosen.store.manifest.name
        card = dataset_card(chosen.vocabulary, rows, manifest=snapshot, version=version("langseg"))
        write_dataset(config.out, card, parquet_bytes(rows))
    else:
        forms = {"jsonl": jsonl_bytes, "csv": csv_bytes, "parquet": parquet_bytes}
        make_folder(config.out.parent)
        write_atomic(config.out, forms[config.format](rows))
    classes = {row.class_name for row in rows}
    without = [e.name for e in chosen.vocabulary.classes if e.name not in classes]
    bare = f"; {len(without)} classes have none" if without else ""
    return ExportReport(
        out=config.out,
        format=config.format,
        rows=len(rows),
        classes=len(classes),
        without=without,
        model=chosen.selection.model,
        sentence=f"{chosen.vocabulary.name}: {len(rows)} descriptors of {len(classes)} classes, "
        f"written by {chosen.selection.model}, in {config.out}{bare}",
    )


def _export_rows(chosen: "StoredSet") -> "list[ExportRow]":
    from langseg.cache.records import Descriptor, Request, Response
    from langseg.descriptors.exchange.export import export_rows

    store, mine = chosen.store, {"request_key": chosen.selection.keys}
    texts = store.table("texts", ("text_id", "text"))
    responses: dict[str, Response] = {}
    for row in store.table("responses", where=mine).to_pylist():
        response = Response(**row)
        known = responses.get(response.request_key)
        if response.status == "ok" and (known is None or known.created_at < response.created_at):
            responses[response.request_key] = response
    return list(
        export_rows(
            chosen.vocabulary,
            [
                chosen.named(Descriptor(**row))
                for row in store.table("descriptors", where=mine).to_pylist()
            ],
            dict(zip(texts["text_id"].to_pylist(), texts["text"].to_pylist(), strict=True)),
            {
                r["request_key"]: Request(**r)
                for r in store.table("requests", where=mine).to_pylist()
            },
            responses,
        )
    )
