"""Find, in a store, the answers that one vocabulary's descriptors are made of.

In:  a ``Source``: which vocabulary, in which store, written by which model.
Out: the opened store, the vocabulary and the selection, and the phrases they come to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from langseg.cache.records import ANY_SCENE, Descriptor, Request, arrow_schema
from langseg.pipelines.config import Source
from langseg.pipelines.scenes import known_scenes, stored_scenes, with_scenes

if TYPE_CHECKING:
    import pyarrow as pa

    from langseg.cache.store import Store
    from langseg.descriptors.build_bank import Phrase
    from langseg.descriptors.select import Selection
    from langseg.descriptors.vocabulary import Vocabulary

Kind = TypeVar("Kind", Request, Descriptor)
_ROWS = 8192  # that are Python objects at a time


@dataclass(frozen=True)
class Chosen:
    """What a ``Source`` names, found in its store."""

    store: "Store"
    vocabulary: "Vocabulary"
    selection: "Selection"

    def phrases(self) -> "dict[str, tuple[Phrase, ...]]":
        """The phrases of each class, as ``build_bank.class_phrases`` orders them."""
        from langseg.descriptors.build_bank import class_phrases

        rows = _rows(self.store, Descriptor, "descriptors")
        texts = self.store.table("texts", ("text_id", "text"))
        return class_phrases(
            self.vocabulary,
            (row for row in rows if row.request_key in self.selection.keys),
            dict(zip(texts["text_id"].to_pylist(), texts["text"].to_pylist(), strict=True)),
        )

    def text_ids(self) -> "pa.Array":
        """The ids of the texts that ``phrases`` has besides the classes' names, each once.

        Neither a text nor a row of a descriptor is in memory for longer than its part is read.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        keys, scenes, names = (
            pa.array(sorted(values), pa.string())
            for values in (
                self.selection.keys,
                {ANY_SCENE, *self.vocabulary.scenes},
                {entry.name for entry in self.vocabulary.classes},
            )
        )
        schema = arrow_schema(Descriptor)
        columns = ("text_id", "request_key", "scene", "class_name", "rejected")
        wanted = pa.schema([schema.field(name) for name in columns])
        found = [pa.array([], pa.string())]
        for part in self.store.manifest.tables.get("descriptors", ()):
            rows = self.store.read_parts((part,), wanted)
            rows = rows.filter(
                (pc.field("rejected") == "")
                & pc.field("request_key").isin(keys)
                & pc.field("scene").isin(scenes)
                & pc.field("class_name").isin(names)
            )
            found.append(rows["text_id"].unique())
        return pc.unique(pa.chunked_array(found))


def choose(source: Source) -> Chosen:
    """Raises: InputError, when the store has no accepted answer for the vocabulary."""
    from langseg.cache.store import Store
    from langseg.descriptors.select import select_answers
    from langseg.descriptors.vocabulary import load_vocabulary

    store = Store.open(source.store)
    vocabulary, asked = known_scenes(source, load_vocabulary(source.shipped, source.classes))
    vocabulary = with_scenes(vocabulary, stored_scenes(store, vocabulary, asked, source.model))
    accepted_at: dict[str, str] = {}
    answers = store.table("responses", ("request_key", "status", "created_at"))
    for key, status, at in zip(*(column.to_pylist() for column in answers.columns), strict=True):
        if status == "ok":
            accepted_at[key] = max(at, accepted_at.get(key, ""))
    requests = _rows(store, Request, "requests")
    selection = select_answers(vocabulary, requests, accepted_at, source.model)
    return Chosen(store, vocabulary, selection)


def _rows(store: "Store", kind: type[Kind], table: str) -> Iterator[Kind]:
    for part in store.manifest.tables.get(table, ()):
        for batch in store.read_parts((part,), arrow_schema(kind)).to_batches(_ROWS):
            for row in batch.to_pylist():
                yield kind(**row)
