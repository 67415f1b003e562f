"""Bring descriptors of others into a store.

In:  a file and a store.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.settings import ARGUMENT

if TYPE_CHECKING:
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


def _read(path: Path) -> "ForeignSet":
    from langseg.descriptors.exchange.imported_file import MAX_FILE_BYTES, parse_foreign

    if not path.is_file():
        got = "none"
        if path.exists():
            got = "a folder" if path.is_dir() else "a device or a pipe"
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
