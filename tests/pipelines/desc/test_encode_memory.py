"""The peak memory of `encode` does not grow with the texts of the store."""

import gc
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from langseg.cache.keys import sha256_hex, text_id
from langseg.cache.records import ANY_SCENE, Descriptor, Text, to_table
from langseg.cache.store import text_id_ranges
from langseg.cache.store.store import Store
from langseg.descriptors.bank.select import Selection
from langseg.descriptors.bank.stored_set import StoredSet
from langseg.descriptors.encoders import embed
from langseg.descriptors.encoders.embed import embed_missing
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from langseg.pipelines.desc.encode import wanted_texts
from tests.support.hash_encoder import HashEncoder

pytestmark = pytest.mark.slow

A_PART = 2000
KEY = sha256_hex("the one request")
WALL = Vocabulary(name="mine", classes=(ClassEntry(name="wall", id=1),), ignore_ids=(0,), scenes={})


def described(path: Path, texts: int) -> StoredSet:
    """One class with so many texts, in parts of ``A_PART``."""
    store = Store.open(path, create=True)
    with store.writer() as writer:
        for first in range(0, texts, A_PART):
            phrases = [f"a kind of wall, number {n}" for n in range(first, first + A_PART)]
            rows = [
                Descriptor(
                    descriptor_id=sha256_hex(text), request_key=KEY, text_id=text_id(text),
                    class_name="wall", scene=ANY_SCENE, subclass="", slot="shape", rank=0,
                    rejected="", parser_version=1,
                )
                for text in phrases
            ]  # fmt: skip
            lines = [Text(text_id=text_id(text), text=text, n_chars=len(text)) for text in phrases]
            tables = {"descriptors": to_table(Descriptor, rows), "texts": to_table(Text, lines)}
            writer.commit(tables)
    return StoredSet(Store.open(path), WALL, Selection("m", frozenset([KEY])))


def peak(chosen: StoredSet, encoder: HashEncoder) -> tuple[int, int]:
    """Objects that Python holds after a chunk, and bytes of Arrow's at once, at most."""
    plain = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(plain)
    gc.collect()
    before = sys.getallocatedblocks()
    held = [0]

    def on_progress(phase: str, done: int, total: int, note: str) -> None:
        held.append(sys.getallocatedblocks() - before)

    pa.set_memory_pool(pool)
    try:
        done = embed_missing(chosen.store, encoder.record.model, wanted_texts(chosen), on_progress)
    finally:
        pa.set_memory_pool(plain)
    assert done.embedded == done.texts
    return max(held), pool.max_memory()


def test_encode__of_ten_times_the_texts_holds_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    encoder = HashEncoder(tmp_path / "encoder", dim=4)
    monkeypatch.setattr(embed, "load_encoder", lambda name: encoder)
    monkeypatch.setattr(text_id_ranges, "RANGE_TEXTS", 1000)
    monkeypatch.setattr(embed, "ENCODE_CHUNK", 500)
    peak(described(tmp_path / "warm", A_PART), encoder)  # imports
    few, many = 2 * A_PART, 20 * A_PART
    objects, arrow_bytes = peak(described(tmp_path / "few", few), encoder)
    more_objects, more_bytes = peak(described(tmp_path / "many", many), encoder)
    # one id is an object, and 68 bytes of Arrow; 120 parts have a few objects each
    assert more_objects - objects < (many - few) / 4
    assert more_bytes - arrow_bytes < 10 * (many - few)
