"""A store has a set of descriptors for each model that answered about a vocabulary."""

import json
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.cache.keys import text_id
from langseg.cache.store.store import Store
from langseg.cache.store.text_id_ranges import ranges_for
from langseg.descriptors.bank.stored_set import StoredSets
from langseg.descriptors.exchange.imported_file import parse_foreign
from langseg.descriptors.generation.run import generate
from langseg.descriptors.providers.imported import ImportProvider
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary

ROOMS = Vocabulary(
    name="rooms",
    classes=(ClassEntry(name="wall", id=1), ClassEntry(name="bed", id=2)),
    ignore_ids=(0,),
    scenes={},
)
SEAS = Vocabulary(name="seas", classes=(ClassEntry(name="sea", id=1),), ignore_ids=(0,), scenes={})


def store_set(
    store: Store, vocabulary: Vocabulary, name: str, phrases: dict[str, list[str]]
) -> None:
    foreign = parse_foreign(json.dumps(phrases).encode(), "others.json")
    provider = ImportProvider(foreign, vocabulary, name=name)
    generate([provider.plan], provider, store)


@pytest.fixture
def sets(tmp_path: Path) -> StoredSets:
    store = Store.open(tmp_path / "store", create=True)
    store_set(store, ROOMS, "full", {"wall": ["flat pale plaster"], "bed": ["soft white sheets"]})
    store_set(store, ROOMS, "half", {"wall": ["red bricks in rows"]})
    store_set(store, SEAS, "wet", {"sea": ["blue waves with foam"]})
    return StoredSets(store, ROOMS)


def test_set__that_covers_most_is_taken_unless_a_model_is_named(sets: StoredSets):
    assert sets.of("").selection.model == "import:full"
    assert sets.of("import:half").selection.model == "import:half"


def test_set__has_the_name_of_each_class_before_its_phrases(sets: StoredSets):
    texts = {name: [row.text for row in rows] for name, rows in sets.of("").phrases().items()}
    assert texts == {"wall": ["wall", "flat pale plaster"], "bed": ["bed", "soft white sheets"]}
    half = sets.of("import:half").phrases()
    assert [row.text for row in half["bed"]] == ["bed"]


def test_set__knows_the_ids_of_its_texts_without_the_names(sets: StoredSets):
    (whole,) = ranges_for(1)
    expected = {text_id("flat pale plaster"), text_id("soft white sheets")}
    assert set(sets.of("").text_ids(whole)) == expected


def test_others__are_the_sets_of_these_classes_by_other_models(sets: StoredSets):
    chosen = sets.of("")
    assert [other.selection.model for other in sets.others(chosen)] == ["import:half"]
    (other,) = sets.others(chosen)
    assert other.vocabulary is chosen.vocabulary


def test_set__of_a_vocabulary_without_an_answer_is_refused(sets: StoredSets):
    with pytest.raises(InputError, match="no accepted answer of 'import:wet'"):
        sets.of("import:wet")
