"""Vectors that were paid for survive a kill, a flipped bit is told, and each is committed once."""

import errno
import os

import numpy as np
import pytest

from langseg.cache.errors import CorruptError, LangSegError, Remedy
from langseg.cache.keys import text_id
from langseg.cache.store.store import Store
from langseg.cache.store.vector_journal import (
    VectorJournal,
    read_vector_journal,
    salvage_vector_journal,
    vector_journals,
)
from langseg.cache.upkeep.repair import repair_store
from langseg.cache.upkeep.verify import examine
from langseg.descriptors.generation.answers import answer_tables

ENCODER = "far-0123"
RECORD = {"dim": 4, "model": "openai:far"}


def unit(*texts: str) -> np.ndarray:
    rows = np.array([[len(text), ord(text[0]), ord(text[-1]), 1.0] for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def journalled(root, *replies: tuple[str, ...], name: str = "run-a", encoder_id: str = ENCODER):
    journal = VectorJournal(root, name, encoder_id)
    for texts in replies:
        journal.append(texts, unit(*texts))
    journal.close()
    return journal.path


@pytest.fixture
def store(tmp_path) -> Store:
    """It knows the encoder, and holds nothing."""
    store = Store.open(tmp_path / "store", create=True)
    with store.writer() as writer:
        writer.commit({}, encoders={ENCODER: RECORD})
    return store


def vectors(store: Store) -> dict[str, list[float]]:
    table = Store.open(store.path).embeddings(ENCODER, ("text_id", "emb"))
    keys = table["text_id"].to_pylist()
    assert len(keys) == len(set(keys))
    return dict(zip(keys, table["emb"].to_pylist(), strict=True))


def test_recover__commits_what_dead_runs_journalled_once(store):
    journalled(store.path, ("sky", "wall"), ("bed",))
    journalled(store.path, ("bed", "sea"), name="run-b")
    with store.writer() as writer:
        assert writer.recover_vectors() == 4
        assert writer.recover_vectors() == 0
    assert vector_journals(store.path) == []
    found = vectors(store)
    assert set(found) == {text_id(text) for text in ("sky", "wall", "bed", "sea")}
    np.testing.assert_allclose(found[text_id("sky")], unit("sky")[0], atol=1e-3)
    rows = store.embeddings(ENCODER, ("n_tokens", "truncated")).to_pylist()
    assert rows == [{"n_tokens": None, "truncated": None}] * 4  # nobody told
    assert sorted(store.table("texts")["text"].to_pylist()) == ["bed", "sea", "sky", "wall"]
    assert not examine(store.path).problems


def test_recover__killed_between_commit_and_removal_commits_nothing_twice(store):
    path = journalled(store.path, ("sky", "wall"))
    lines = path.read_bytes()
    with store.writer() as writer:
        writer.recover_vectors()
    path.write_bytes(lines)
    with store.writer() as writer:
        assert writer.recover_vectors() == 0
    assert len(vectors(store)) == 2
    assert vector_journals(store.path) == []


def test_read__drops_a_torn_last_line_and_names_a_damaged_one(store):
    path = journalled(store.path, ("sky",), ("wall",), ("bed",))
    data = path.read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(data) - 1, 17):
        path.write_bytes(data[:end])
        assert [reply.texts for reply in read_vector_journal(path)] == [("sky",), ("wall",)]
    second = data.index(b"\n") + 1
    for bit in range(8 * second, 8 * last, 61):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptError, match=r"run-a\.vectors: .* in lines? 2") as caught:
            read_vector_journal(path)
        assert caught.value.remedy is Remedy.REPAIR


def test_verify_and_repair__know_the_journal_of_vectors(store):
    path = journalled(store.path, ("sky", "wall"), ("bed",))
    assert any("run-a.vectors: vectors of 3 texts" in note for note in examine(store.path).notes)
    path.write_bytes(path.read_bytes().replace(b"wall", b"well"))
    assert "run-a.vectors" in str(examine(store.path).problems[0])
    with store.writer() as writer, pytest.raises(CorruptError, match=r"run-a\.vectors"):
        writer.recover_vectors()
    done = repair_store(store.path, lambda rows: answer_tables([]))
    assert done.losses.lines == {"run-a.vectors": 1}
    assert not examine(store.path).problems
    with store.writer() as writer:
        assert writer.recover_vectors() == 1
    assert set(vectors(store)) == {text_id("bed")}
    assert salvage_vector_journal(journalled(store.path, ("sea",), name="run-b")) == 0


def test_repair__sets_vectors_of_an_encoder_aside_whose_record_is_lost(store):
    path = journalled(store.path, ("sky",), encoder_id="other-9")
    with store.writer() as writer, pytest.raises(CorruptError, match="got those of other-9"):
        writer.recover_vectors()
    done = repair_store(store.path, lambda rows: answer_tables([]))
    assert done.losses.set_aside == [str(path.relative_to(store.path))]
    assert vector_journals(store.path) == []


def test_append__that_the_disk_refuses_says_so_and_keeps_what_was_before(store, monkeypatch):
    journal = VectorJournal(store.path, "run-a", ENCODER)
    journal.append(["sky"], unit("sky"))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        with pytest.raises(LangSegError, match=r"run-a\.vectors: the disk refused .*No space left"):
            journal.append(["wall"], unit("wall"))
    journal.close()
    assert [reply.texts for reply in read_vector_journal(journal.path)] == [("sky",)]
