"""Bits that flip, files that shrink or vanish: told every time, and never read as other data."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.records import TABLES
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from tests.support.seeds import seeds

pytestmark = pytest.mark.slow

FLIPS = {"part": 200, "live manifest": 200, "old manifest": 200, "encoder": 40}


@pytest.fixture(scope="module")
def path(tmp_path_factory, rows) -> Path:
    """Where a store is: three commits, embeddings by one encoder."""
    store = Store.open(tmp_path_factory.mktemp("damage") / "store", create=True)
    with store.writer() as writer:
        for first in (0, 10):
            tables = rows.tables([rows.answer(number) for number in range(first, first + 8)])
            vectors = rows.vectors(tables["texts"]["text_id"].to_pylist())
            writer.commit(tables, {"tiny": vectors}, {"tiny": rows.record})
        writer.commit(rows.tables([rows.answer(20)]))
    return store.path


def read_all(path: Path) -> dict[str, Any]:
    store = Store.open(path)
    tables: dict[str, Any] = {name: store.table(name) for name in TABLES}
    return tables | {"embeddings": store.embeddings("tiny"), "encoders": store.encoders()}


def outcome(path: Path) -> dict[str, Any] | CorruptError:
    """Everything a store holds, or the error it ends with instead."""
    try:
        return read_all(path)
    except CorruptError as exc:
        return exc


def flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("seed", seeds(11))
@pytest.mark.parametrize("kind", FLIPS)
def test_store__never_reads_a_flipped_bit_as_data(path, kind, seed):
    whole = read_all(path)
    live = Store.open(path).manifest
    *old, newest = sorted((path / "manifests").iterdir())
    files = {
        "part": [path / part.path for part in live.parts()],
        "live manifest": [newest],
        "old manifest": old,
        "encoder": [path / "encoders/tiny.json"],
    }[kind]
    chance = random.Random(seed)
    for _ in range(FLIPS[kind]):
        file = chance.choice(files)
        data = file.read_bytes()
        file.write_bytes(flipped(data, chance.randrange(8 * len(data))))
        problems = examine(path).problems
        assert any(file.name in str(problem) for problem in problems), file
        if kind == "old manifest":
            assert outcome(path) == whole  # no reader needs an old one
        else:
            error = outcome(path)
            assert isinstance(error, CorruptError)
            assert f"{file}: wanted " in str(error)
            assert error.remedy is Remedy.VERIFY
        file.write_bytes(data)
    assert examine(path).problems == []


def test_store__never_reads_another_snapshot_for_a_flipped_bit_in_current(path):
    whole = read_all(path)
    current = path / "CURRENT"
    data = current.read_bytes()
    outcomes = []
    for bit in range(8 * len(data)):
        current.write_bytes(flipped(data, bit))
        outcomes.append(outcome(path))
    current.write_bytes(data)
    sentences = [found for found in outcomes if found != whole]
    assert all(re.search(r"(CURRENT|\.json): wanted", str(found)) for found in sentences)
    assert len(sentences) > 80  # the others name an older manifest, which only lowers the floor


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, None])
def test_store__names_a_file_that_was_cut_or_deleted(path, share):
    live = Store.open(path).manifest
    files = [part.path for part in live.parts()] + [f"manifests/{live.name}", "encoders/tiny.json"]
    for name in files:
        file = path / name
        data = file.read_bytes()
        if share is None:
            file.unlink()
        else:
            file.write_bytes(data[: int(len(data) * share)])
        assert any(file.name in str(problem) for problem in examine(path).problems)
        with pytest.raises(CorruptError, match=file.name):
            read_all(path)
        file.write_bytes(data)
    assert examine(path).problems == []


def test_store__checks_a_part_again_when_it_is_opened_again(path):
    reader = Store.open(path)
    reader.table("texts")
    part = path / reader.manifest.files()["texts"][0]
    data = part.read_bytes()
    at = data.index(b"\x28\xb5\x2f\xfd") + 12  # inside the first zstd frame
    part.write_bytes(flipped(data, 8 * at))
    with pytest.raises(CorruptError, match="CRC"):  # the open store relies on page checksums
        reader.table("texts")
    with pytest.raises(CorruptError, match="sha256"):
        Store.open(path).table("texts")
    part.write_bytes(data)
