"""What a repair keeps, what it drops, and what it makes again."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from langseg.cache.errors import CorruptError, FormatError, LockedError
from langseg.cache.keys import sha256_hex, text_id
from langseg.cache.records import SCHEMA_VERSION, Text, to_table
from langseg.cache.store.journal import Answer
from langseg.cache.store.manifest import publish
from langseg.cache.store.store import Store
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.repair import Repaired, repair_store
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import content
from tests.support.seeds import seeds
from tests.support.store_rows import make_tables


def repaired(store: Store) -> Repaired:
    """Repair; whatever it was, the store is whole then, and a second repair finds nothing."""
    done = repair_store(store.path, make_tables)
    assert examine(store.path).problems == []
    again = repair_store(store.path, make_tables)
    assert (again.manifest, again.dropped, again.remade) == (done.manifest, {}, {})
    assert not any((again.losses.set_aside, again.losses.parts, again.losses.start))
    return done


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def lose(path: Path, *, deleted: bool) -> None:
    """Delete a file, or damage it."""
    if deleted:
        path.unlink()
    else:
        damage(path)


def part_of(store: Store, name: str, number: int = 0) -> Path:
    return store.path / store.manifest.files()[name][number]


def keys(store: Store, name: str) -> set[str]:
    return set(Store.open(store.path).table(name)["request_key"].to_pylist())


def key(number: int) -> str:
    return sha256_hex(f"request {number}")


def test_repair__of_a_whole_store_changes_nothing(filled):
    before = {path: path.read_bytes() for path in filled.path.rglob("*") if path.is_file()}
    done = repaired(filled)
    assert done.manifest == filled.manifest.name
    assert {path: path.read_bytes() for path in filled.path.rglob("*") if path.is_file()} == before


def test_repair__opens_only_the_requests_whose_responses_are_lost(filled):
    damaged = part_of(filled, "responses")
    damage(damaged)
    done = repaired(filled)
    assert done.losses.parts == {f"responses/{damaged.name}": 3}
    assert done.dropped == {"descriptors": 6}
    assert keys(filled, "requests") == {key(number) for number in range(1, 6)}
    assert keys(filled, "responses") == keys(filled, "descriptors") == {key(4), key(5)}
    now = Store.open(filled.path)
    assert now.embeddings("tiny").num_rows == now.table("texts").num_rows == 6  # stay


def test_repair__keeps_the_damaged_file_under_another_name(filled):
    damaged = part_of(filled, "responses")
    damage(damaged)
    data = damaged.read_bytes()
    done = repaired(filled)
    assert done.losses.set_aside == [f"responses/{damaged.name}"]
    (aside,) = damaged.parent.glob("*.damaged")
    assert aside.read_bytes() == data
    assert f"{aside}: damaged, kept" in examine(filled.path).notes


@pytest.mark.slow
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("lost", [("descriptors",), ("texts",), ("descriptors", "texts")])
@pytest.mark.parametrize("numbers", [(0,), (1,), (0, 1)])
def test_repair__makes_descriptors_and_texts_again_from_the_replies(filled, lost, numbers, deleted):
    before = content(filled.path)
    for name in lost:
        for number in numbers:
            part = part_of(filled, name, number)
            lose(part, deleted=deleted)
    done = repaired(filled)
    assert content(filled.path) == before
    assert set(done.remade) == set(lost)
    assert done.dropped == {}


def test_repair__makes_nothing_again_that_another_parser_made_and_is_whole(filled):
    """With a parser that reads replies otherwise, an answer is made of the one or the other."""

    def other_parser(rows: Sequence[Answer]) -> dict[str, pa.Table]:
        made = make_tables(rows)
        ids = [f"new {name}" for name in made["descriptors"]["descriptor_id"].to_pylist()]
        table = made["descriptors"].set_column(0, "descriptor_id", pa.array(ids))
        fields = list(made["descriptors"].schema)
        return {**made, "descriptors": table.cast(pa.schema(fields))}

    damage(part_of(filled, "texts", 1))  # phrases 4 and 5; the shared one is in the other part
    repair_store(filled.path, other_parser)
    now = Store.open(filled.path)
    assert examine(now.path).problems == []
    made: dict[str, set[bool]] = {}
    for row in now.table("descriptors").to_pylist():
        made.setdefault(row["request_key"], set()).add(row["descriptor_id"].startswith("new"))
    assert made == {key(number): {number > 3} for number in range(1, 6)}


def test_repair__drops_embeddings_alone_when_they_alone_are_lost(filled):
    before = content(filled.path)
    part_of(filled, "embeddings").unlink()
    repaired(filled)
    after = content(filled.path)
    assert after.pop("tiny") == []
    assert len(before.pop("tiny")) == 6
    assert before == after
    assert list(Store.open(filled.path).encoders()) == ["tiny"]


def test_repair__drops_an_embedding_whose_text_no_reply_holds(filled, rows):
    with filled.writer() as writer:
        name = text_id("wall")
        text = to_table(Text, [Text(text_id=name, text="wall", n_chars=4)])
        writer.commit({"texts": text}, {"tiny": rows.vectors([name])})
    damage(part_of(filled, "texts", 2))
    done = repaired(filled)
    assert done.dropped == {"embeddings": 1}
    assert Store.open(filled.path).embeddings("tiny").num_rows == 6


@pytest.mark.parametrize("nested", [False, True])
def test_repair__drops_an_encoder_whose_record_is_damaged(filled, nested):
    record = filled.path / "encoders/tiny.json"
    if nested:
        record.write_text("[" * 200_000)
    else:
        damage(record)
    done = repaired(filled)
    assert done.losses.encoders == ["tiny"]
    assert Store.open(filled.path).encoders() == {}


def test_repair__drops_answers_to_requests_that_are_lost(filled):
    part_of(filled, "requests").unlink()
    done = repaired(filled)
    assert done.dropped == {"responses": 3, "descriptors": 6}
    assert keys(filled, "requests") == keys(filled, "responses") == {key(4), key(5)}


@pytest.mark.slow
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("manifests/000003.json",), ("CURRENT",), ("manifests/000003.json", "CURRENT"),
        ("manifests/000002.json", "manifests/000003.json"),
        tuple(f"manifests/00000{number}.json" for number in range(4)),
        ("CURRENT", *(f"manifests/00000{number}.json" for number in range(4))),
        ("CURRENT", *(f"manifests/00000{number}.json" for number in range(1, 4))),
    ],
)  # fmt: skip
def test_repair__finds_every_part_again_when_manifests_are_lost(filled, names, deleted):
    before, live = content(filled.path), filled.manifest
    for name in names:
        lose(filled.path / name, deleted=deleted)
    with pytest.raises(CorruptError):
        Store.open(filled.path).table("texts")
    done = repaired(filled)
    assert content(filled.path) == before
    assert done.manifest > live.name or deleted  # a number that was cited is not given again


def test_repair__goes_back_and_drops_a_part_in_one(filled):
    damage(filled.path / "manifests/000003.json")
    damage(part_of(filled, "responses", 1))
    repaired(filled)
    assert keys(filled, "responses") == {key(1), key(2), key(3)}
    assert keys(filled, "requests") == {key(number) for number in range(1, 6)}


def test_repair__sets_an_old_manifest_aside_and_keeps_the_live_one(filled):
    before = content(filled.path)
    damage(filled.path / "manifests/000001.json")
    done = repaired(filled)
    assert done.losses.set_aside == ["manifests/000001.json"]
    assert done.manifest == filled.manifest.name
    assert content(filled.path) == before


@pytest.mark.parametrize("deleted", [False, True])
def test_repair__sets_the_older_snapshots_aside_that_lack_a_part(filled, deleted):
    before, lost = content(filled.path), part_of(filled, "texts", 1)  # of the second commit
    compact(filled)
    lose(lost, deleted=deleted)
    done = repaired(filled)
    assert done.losses.snapshots == ["000002.json", "000003.json"]
    assert done.losses.set_aside == ([] if deleted else [f"texts/{lost.name}"])
    assert (done.manifest, content(filled.path)) == ("000004.json", before)
    left = {path.name for path in (filled.path / "manifests").iterdir()} - {"000004.json"}
    assert {name.partition(".json.")[0] for name in left} >= {"000002", "000003"}
    assert {name for name in left if name.endswith(".json")} == {"000000.json", "000001.json"}


def test_repair__ends_a_history_that_is_torn(filled):
    before = content(filled.path)
    publish(filled.path, replace(filled.manifest, number=4, parent="ab" * 32))
    repaired(filled)
    assert content(filled.path) == before


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1])
def test_repair__leaves_a_store_of_another_langseg_alone(filled, version):
    live = filled.manifest
    publish(filled.path, replace(live, number=4, parent=live.sha256, schema_version=version))
    before = sorted(filled.path.rglob("*"))
    with pytest.raises(FormatError, match="open the store with the LangSeg that wrote it"):
        repair_store(filled.path, make_tables)
    assert set(filled.path.rglob("*")) - set(before) <= {filled.path / "LOCK.holder"}


def test_repair__keeps_a_journal_that_holds_what_the_tables_have_lost(store, rows):
    answers = [rows.answer(1), rows.answer(2)]
    with store.writer() as writer:
        journal = writer.start_journal("run-a")
        for answer in answers:
            journal.append(*answer)
        journal.flush()
        lines = (store.path / "journal/run-a.jsonl").read_bytes()
        writer.commit(rows.tables(answers), retired_journals=["run-a"])
    (store.path / "journal/run-a.jsonl").write_bytes(lines)  # the kill came before the removal
    part_of(store, "responses").unlink()
    repaired(store)
    with Store.open(store.path).writer() as writer:
        assert len(writer.recover().rows) == 2


def test_repair__waits_for_no_writer(filled):
    with filled.writer(), pytest.raises(LockedError):
        repair_store(filled.path, make_tables)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(2))
def test_repair__of_any_damage_leaves_a_whole_store_of_rows_that_were_there(filled, tmp_path, seed):
    whole = {name: set(rows) for name, rows in content(filled.path).items()}
    chance = random.Random(seed)
    for trial in range(40):
        path = tmp_path / f"{trial}"
        shutil.copytree(filled.path, path)
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        for file in chance.sample(files, chance.randrange(1, 6)):
            size = file.stat().st_size
            fate = chance.randrange(3)
            if fate == 0:
                file.unlink()
            elif fate == 1:
                file.write_bytes(file.read_bytes()[: int(size * chance.random())])
            elif size:
                damage(file)
        if not ((path / "CURRENT").exists() or any((path / "manifests").glob("*.json"))):
            continue  # no store at all: `Store.open` says so
        repaired(Store(path))
        for name, found in content(path).items():
            assert set(found) <= whole[name]
            assert len(found) == len(set(found))
        answered = keys(Store(path), "responses")
        assert keys(Store(path), "descriptors") == answered  # of every reply that is left
