"""Bring descriptors of others into a store.

In:  a file and a store.
Out: a report of what was done.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.settings import ARGUMENT

if TYPE_CHECKING:
    from langseg.pipelines.desc.import_report import ImportReport


class ImportConfig(Source):
    """What `import` takes."""

    file: Path = Field(
        description="Descriptors of others: json (CuPL, classify by description, or rows), "
        "jsonl, csv, yaml, parquet, a batch's output, or a folder that `export` wrote.",
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


def run_import(config: ImportConfig) -> "ImportReport":
    """Store a file's phrases as the answers of a model named ``import:...``.

    Raises: InputError, for a file that cannot be read, is about none of the classes, or of which
        no phrase passes the checks; the store then is as it was.
    """
    from langseg.cache.store.store import Store
    from langseg.descriptors.exchange.imported_file import read_foreign
    from langseg.descriptors.generation.run import generate
    from langseg.descriptors.generation.vocabulary_classes import note_classes
    from langseg.descriptors.providers.imported import ImportProvider
    from langseg.pipelines.desc.import_report import check_kept, earlier_file, import_report
    from langseg.pipelines.desc.open_sets import open_sets
    from langseg.pipelines.shared.annotated_scenes import known_scenes
    from langseg.pipelines.shared.source_vocabulary import source_vocabulary

    foreign = read_foreign(config.file)
    vocabulary, _ = known_scenes(config, source_vocabulary(config))
    provider = ImportProvider(
        foreign, vocabulary, name=config.model, as_published=config.as_published
    )
    check_kept(foreign, provider)
    store = Store.open(config.store, create=True)
    earlier = earlier_file(store, provider)
    note_classes(store, vocabulary)
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
