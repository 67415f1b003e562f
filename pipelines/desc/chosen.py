"""Find, in a store, the answers that one vocabulary's descriptors are made of.

In:  a ``Source``: which vocabulary, in which store, written by which model.
Out: the opened store, the vocabulary and the selection, and the phrases they come to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, TypeVar

from langseg.cache.records import ANY_SCENE, Descriptor, Request
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.annotated_scenes import known_scenes, stored_scenes, with_scenes

if TYPE_CHECKING:
    import pyarrow as pa

    from langseg.cache.store.store import Store
    from langseg.cache.store.text_id_ranges import Span
    from langseg.descriptors.bank.build import Phrase
    from langseg.descriptors.bank.select import Selection
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary

Kind = TypeVar("Kind", Request, Descriptor)
_ROWS = 512  # that are Python objects at a time: a request is 10 KB of text
# columns in which many rows say the same, which is then in memory once
_REPEATED = ("class_name", "scene", "slot", "model", "prompt_id", "params_json", "schema_json")


@dataclass(frozen=True)
class Chosen:
    """What a ``Source`` names, found in its store."""

    store: "Store"
    vocabulary: "Vocabulary"
    selection: "Selection"

    def phrases(self) -> "dict[str, tuple[Phrase, ...]]":
        """The phrases of each class, as ``build_bank.class_phrases`` orders them."""
        from langseg.descriptors.bank.build import class_phrases

        keys = self.selection.keys
        found = _rows(self.store, Descriptor, "descriptors")
        rows = [row for row in found if row.request_key in keys and not row.rejected]
        said = {row.text_id for row in rows}
        texts = {
            text_id: text
            for piece in self.store.stream("texts", ("text_id", "text"))
            for text_id, text in rows_of(piece)
            if text_id in said
        }
        return class_phrases(self.vocabulary, rows, texts)

    def text_ids(self, span: "Span") -> Iterator[str]:
        """The ids in a span of the texts that ``phrases`` has, perhaps some of them again.

        Without those of the classes' names. No more is in memory than a piece of the descriptors.
        """
        names = {entry.name for entry in self.vocabulary.classes}
        scenes = {ANY_SCENE, *self.vocabulary.scenes}
        keys = self.selection.keys
        columns = ("text_id", "request_key", "scene", "class_name", "rejected")
        for piece in self.store.stream("descriptors", columns):
            for text_id, key, scene, name, rejected in rows_of(span.rows(piece)):
                if not rejected and key in keys and scene in scenes and name in names:
                    yield text_id


def choose(source: Source) -> Chosen:
    """Raises: InputError, when the store has no accepted answer for the vocabulary."""
    from langseg.cache.store.store import Store
    from langseg.descriptors.bank.select import select_answers
    from langseg.descriptors.vocabulary.load import load_vocabulary

    store = Store.open(source.store)
    vocabulary, asked = known_scenes(source, load_vocabulary(source.shipped, source.classes))
    vocabulary = with_scenes(vocabulary, stored_scenes(store, vocabulary, asked, source.model))
    accepted_at: dict[str, str] = {}
    for piece in store.stream("responses", ("request_key", "status", "created_at")):
        for key, status, at in rows_of(piece):
            if status == "ok":
                accepted_at[key] = max(at, accepted_at.get(key, ""))
    requests = _rows(store, Request, "requests")
    selection = select_answers(vocabulary, requests, accepted_at, source.model)
    return Chosen(store, vocabulary, selection)


def rows_of(table: "pa.Table") -> Iterator[tuple[Any, ...]]:
    """Its rows, column by column."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _rows(store: "Store", kind: type[Kind], table: str) -> Iterator[Kind]:
    for piece in store.stream(table, rows=_ROWS):
        for row in piece.to_pylist():
            yield kind(**row | {name: intern(row[name]) for name in _REPEATED if name in row})
