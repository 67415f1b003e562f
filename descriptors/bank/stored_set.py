"""Find, in a store, the answers that one vocabulary's descriptors are made of.

In:  a store, a vocabulary, the scenes whose plausible classes only the store can tell.
Out: the set of each model that answered: the selection, and the phrases it comes to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any, TypeVar

import pyarrow as pa

from langseg.cache.errors import InputError
from langseg.cache.records import ANY_SCENE, Descriptor, Request
from langseg.cache.store.store import Store
from langseg.cache.store.text_id_ranges import TextIdRange
from langseg.descriptors.bank.build import Phrase, class_phrases
from langseg.descriptors.bank.select import Selection, select_answers
from langseg.descriptors.bank.stored_scenes import stored_scenes
from langseg.descriptors.vocabulary.scene_list import with_scenes
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

Kind = TypeVar("Kind", Request, Descriptor)
_ROWS = 512  # that are Python objects at a time: a request is 10 KB of text
# columns in which many rows say the same, which is then in memory once
_REPEATED = (
    "class_name", "sense", "scene", "slot", "model", "prompt_id", "params_json", "schema_json",
)  # fmt: skip


@dataclass(frozen=True)
class StoredSet:
    """What one model said of a vocabulary, in a store."""

    store: Store
    vocabulary: Vocabulary
    selection: Selection
    own_names: Mapping[str, str] = field(default_factory=dict)  # of requests another list spelled

    def named(self, row: Descriptor) -> Descriptor:
        """The row with its class as this vocabulary spells it: ``traffic_light`` and ``traffic
        light`` are told alike, so the second list to ask finds the answers of the first."""
        name = self.own_names.get(row.request_key)
        return row if name is None else replace(row, class_name=name)

    def phrases(self) -> dict[str, tuple[Phrase, ...]]:
        """The phrases of each class, as ``build.class_phrases`` orders them."""
        keys = self.selection.keys
        descriptors = _rows(self.store, Descriptor, "descriptors")
        accepted = [
            self.named(row) for row in descriptors if row.request_key in keys and not row.rejected
        ]
        used = {row.text_id for row in accepted}
        texts = {
            text_id: text
            for piece in self.store.stream("texts", ("text_id", "text"))
            for text_id, text in _values(piece)
            if text_id in used
        }
        return class_phrases(self.vocabulary, accepted, texts)

    def text_ids(self, id_range: TextIdRange) -> Iterator[str]:
        """The ids in a range of the texts that ``phrases`` has, perhaps some of them again.

        Without those of the classes' names. No more is in memory than a piece of the descriptors.
        """
        names = {entry.name for entry in self.vocabulary.classes}
        scenes = {ANY_SCENE, *self.vocabulary.scenes}
        keys = self.selection.keys
        columns = ("text_id", "request_key", "scene", "class_name", "rejected")
        for piece in self.store.stream("descriptors", columns):
            for text_id, key, scene, name, rejected in _values(id_range.rows(piece)):
                own = self.own_names.get(key, name)
                if not rejected and key in keys and scene in scenes and own in names:
                    yield text_id

    def described(self) -> set[tuple[str, str]]:
        """The (class, scene) pairs of the vocabulary that have a phrase of their own."""
        pairs = {(name, scene) for scene, names in self.vocabulary.scenes.items() for name in names}
        pairs |= {(entry.name, ANY_SCENE) for entry in self.vocabulary.classes}
        keys, found = self.selection.keys, set[tuple[str, str]]()
        columns = ("request_key", "class_name", "scene", "rejected")
        for piece in self.store.stream("descriptors", columns):
            found |= {
                (self.own_names.get(key, name), scene)
                for key, name, scene, rejected in _values(piece)
                if not rejected and key in keys
            }
        return found & pairs


@dataclass(frozen=True)
class StoredSets:
    """Every set that a store has of a vocabulary.

    ``vocabulary`` has the (scene, class) pairs that are known; those of ``unknown_scenes`` are
    what the answers of a set's own model say.
    """

    store: Store
    vocabulary: Vocabulary
    unknown_scenes: tuple[str, ...] = ()
    flags: str = ""  # of `generate` for this vocabulary, each after a space

    def of(self, model: str) -> StoredSet:
        """The set of a model; of the one that covers most where ``model`` is "".

        Raises: InputError, when the store has no accepted answer for the vocabulary.
        """
        scenes = stored_scenes(self.store, self.vocabulary, self.unknown_scenes, model)
        vocabulary = with_scenes(self.vocabulary, scenes)
        accepted_at: dict[str, str] = {}
        for piece in self.store.stream("responses", ("request_key", "status", "created_at")):
            for key, status, at in _values(piece):
                if status == "ok":
                    accepted_at[key] = max(at, accepted_at.get(key, ""))
        own = {entry.sense: entry.name for entry in vocabulary.classes}
        spelled: dict[str, str] = {}

        def requests() -> Iterator[Request]:
            for row in _rows(self.store, Request, "requests"):
                name = own.get(row.sense, row.class_name)
                if name != row.class_name:
                    spelled[row.request_key] = name
                yield replace(row, class_name=name) if name != row.class_name else row

        selection = select_answers(vocabulary, requests(), accepted_at, model, self.flags)
        own_names = {key: spelled[key] for key in selection.keys & spelled.keys()}
        return StoredSet(self.store, vocabulary, selection, own_names)

    def others(self, chosen: StoredSet) -> Iterator[StoredSet]:
        """The sets of the other models for the classes and scenes of the chosen one, by model."""
        models = set(self.store.table("requests", ("model",))["model"].to_pylist())
        for model in sorted(models - {chosen.selection.model}):
            try:
                other = self.of(model)
            except InputError:  # it answered for other vocabularies only
                continue
            yield replace(other, vocabulary=chosen.vocabulary)


def _values(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows of a table, each the values of its columns."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _rows(store: Store, kind: type[Kind], table: str) -> Iterator[Kind]:
    for piece in store.stream(table, rows=_ROWS):
        for row in piece.to_pylist():
            yield kind(**row | {name: intern(row[name]) for name in _REPEATED if name in row})
