"""A set is assessed with what its store holds: all of it, or what needs no vectors."""

import json
from pathlib import Path

import pytest

from langseg.cache.errors import InputError, LangSegError, Remedy
from langseg.cache.keys import normalise_text
from langseg.cache.store.store import Store
from langseg.descriptors.bank.stored_set import StoredSets
from langseg.descriptors.encoders import embed
from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within
from langseg.descriptors.exchange.imported_file import parse_foreign
from langseg.descriptors.generation.run import generate
from langseg.descriptors.providers.imported import ImportProvider
from langseg.descriptors.quality import assess
from langseg.descriptors.quality.assess import Assessor
from langseg.descriptors.quality.compare_sets import other_set_rows, set_row
from langseg.descriptors.quality.flags import BY_VECTORS
from langseg.descriptors.quality.look_alikes import class_texts
from langseg.descriptors.vocabulary.source import EncodedSource
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from tests.support.hash_encoder import HashEncoder

ROOMS = Vocabulary(
    name="rooms",
    classes=(ClassEntry(name="wall", id=1), ClassEntry(name="bed", id=2)),
    ignore_ids=(0,),
    scenes={},
)
FULL = {"wall": ["flat pale plaster", "a smell of paint"], "bed": ["soft white sheets"]}
HALF = {"wall": ["red bricks in rows"]}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    for name, phrases in (("full", FULL), ("half", HALF)):
        foreign = parse_foreign(json.dumps(phrases).encode(), "others.json")
        provider = ImportProvider(foreign, ROOMS, name=name, as_published=True)
        generate([provider.plan], provider, store)
    return store


def assessor(store: Store, encoder: str) -> Assessor:
    source = EncodedSource(store=store.path, encoder=encoder)
    return Assessor(source, StoredSets(store, ROOMS))


def test_set__without_vectors_is_flagged_all_the_same_and_says_what_is_missing(store: Store):
    asked = assessor(store, "other/encoder")
    quality = asked.named()
    assert [(flag.reason, flag.text) for flag in quality.flags] == [
        ("not_visual", "a smell of paint")
    ]
    assert quality.coverage["wall"].phrases == 2
    assert (quality.measured, quality.likeness, asked.reference) == (None, None, None)
    assert quality.unmeasured == BY_VECTORS
    assert "no vectors of other/encoder; run `langseg-desc encode" in quality.why_not
    assert "--model import:full:as-published --encoder other/encoder`" in quality.why_not


def test_set__with_vectors_is_measured_among_the_look_alikes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    encoder = HashEncoder(tmp_path / "encoder")
    monkeypatch.setattr(embed, "load_encoder", lambda name: encoder)
    texts = [*class_texts(ROOMS), *(p for phrases in FULL.values() for p in phrases)]
    wanted = WantedTexts(len(texts), lambda ids: texts_within(map(normalise_text, texts), ids))
    embed_missing(store, str(tmp_path / "encoder"), wanted, lambda phase, done, total, note: None)
    asked = assessor(store, str(tmp_path / "encoder"))
    quality = asked.named()
    assert quality.encoder_id == encoder.record.encoder_id
    assert [rows.tolist() for rows in quality.look_alikes] == [[1], [0]]
    assert quality.measured is not None
    assert quality.likeness is not None
    assert quality.why_not == ""
    row = set_row(quality)
    assert (row.classes, row.phrases, row.measured_phrases) == (2, 3, 3)
    (other,) = other_set_rows(quality, asked)
    assert other.model == "import:half:as-published"
    assert "1 phrase has no vector yet" in other.why_not
    assert other.paired is None


def test_set__whose_names_have_no_vectors_says_why_in_the_words_of_who_asks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object) -> None:
        raise InputError("no vectors", Remedy.ENCODE)

    def needs(error: LangSegError) -> str:
        assert error.remedy is not None
        return f"{error}: {error.remedy.name}"

    encoder = HashEncoder(tmp_path / "encoder")
    monkeypatch.setattr(embed, "load_encoder", lambda name: encoder)
    texts = [phrase for phrases in FULL.values() for phrase in phrases]
    wanted = WantedTexts(len(texts), lambda ids: texts_within(map(normalise_text, texts), ids))
    embed_missing(store, str(tmp_path / "encoder"), wanted, lambda phase, done, total, note: None)
    monkeypatch.setattr(assess, "reference_vectors", refused)
    source = EncodedSource(store=store.path, encoder=str(tmp_path / "encoder"))
    for in_words, why_not in ((str, "no vectors"), (needs, "no vectors: ENCODE")):
        quality = Assessor(source, StoredSets(store, ROOMS), in_words).named()
        assert quality.why_not == why_not
