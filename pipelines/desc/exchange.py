"""Bring descriptors of others into a store, and give descriptors of a store to others.

In:  a file and a store.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.

The settings of both commands stand here, so nothing heavy is imported before one of them runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.settings import ARGUMENT

if TYPE_CHECKING:
    from langseg.descriptors.bank.stored_set import StoredSet
    from langseg.descriptors.exchange.export import ExportRow
    from langseg.descriptors.exchange.imported_file import ForeignSet


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
        description="Keep what the checks would drop, too, but for repeated phrases, those "
        "without a word and hostile ones; the set then is import:FILE:as-published, and the "
        "reasons stay with its replies.",
    )


class ExportConfig(Source):
    """What `export` takes."""

    format: Literal["jsonl", "csv", "parquet", "hf"] = Field(
        "jsonl", description="jsonl, csv, parquet, or hf: a Hugging Face dataset with its card."
    )
    out: Path = Field(
        description="File to write; with --format hf a folder: new, empty, or of an earlier export."
    )


def run_import(config: ImportConfig) -> dict[str, Any]:
    """Store a file's phrases as the answers of a model named ``import:...``.

    Raises: InputError, for a file that cannot be read, is about none of the classes, or of which
        no phrase passes the checks; the store then is as it was.
    """
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.run import generate
    from langseg.descriptors.providers.imported import ImportProvider
    from langseg.descriptors.vocabulary.load import load_vocabulary
    from langseg.pipelines.desc.import_report import check_kept, earlier_file, import_report
    from langseg.pipelines.desc.open_sets import open_sets
    from langseg.pipelines.shared.annotated_scenes import known_scenes

    foreign = _read(config.file)
    vocabulary, _ = known_scenes(config, load_vocabulary(config.shipped, config.classes))
    provider = ImportProvider(
        foreign, vocabulary, name=config.model, as_published=config.as_published
    )
    check_kept(foreign, provider)
    store = Store.open(config.store, create=True)
    earlier = earlier_file(store, provider)
    done = generate([provider.plan], provider, store)
    chosen = open_sets(config).of(provider.model)
    newest = {request.request_key for request in provider.plan} <= chosen.selection.keys
    return import_report(
        config,
        foreign,
        vocabulary,
        provider,
        done,
        newest=newest,
        replaced=earlier if newest and done.asked else "",
    )


def run_export(config: ExportConfig) -> dict[str, Any]:
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
    from langseg.descriptors.exchange.imported_file import MAX_FILE_BYTES, parse_foreign

    if not path.is_file():
        got = "a folder" if path.is_dir() else "a device or a pipe" if path.exists() else "none"
        raise InputError(
            f"{path}: wanted a file of descriptors (json, jsonl or csv) there, got {got}; give the "
            "path of one"
        )
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{path}: wanted descriptors in at most {MAX_FILE_BYTES // 2**20} MiB, got more; "
            "leave out what is about other classes (a second file under the same --model would "
            "replace the first, not add to it)"
        )
    return parse_foreign(data, path.name)


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
            [Descriptor(**row) for row in store.table("descriptors", where=mine).to_pylist()],
            dict(zip(texts["text_id"].to_pylist(), texts["text"].to_pylist(), strict=True)),
            {
                r["request_key"]: Request(**r)
                for r in store.table("requests", where=mine).to_pylist()
            },
            responses,
        )
    )
