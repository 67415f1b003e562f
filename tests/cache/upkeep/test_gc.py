"""What is removed, and what never is."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from langseg.cache.bank.arms_index import write_index
from langseg.cache.bank.array_files import HEADER
from langseg.cache.bank.load_save import load_bank, save_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.errors import CorruptError, LockedError, Remedy
from langseg.cache.store.manifest import CollectedError, read_manifest
from langseg.cache.store.store import Store
from langseg.cache.upkeep.bank_checks import bank_problems, loose_arms
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.gc import Collected, collect
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import content
from tests.support.small_bank import RECIPE, in_other_bytes, small_bank


def files(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


def collect_at_once(store: Store, **flags: Any) -> Collected:
    """As when nobody reads."""
    return collect(store, keep_hours=0, **flags)


def age(path: Path, number: int, hours: float) -> None:
    """Let a manifest have been published some hours ago."""
    when = time.time() - 3600 * hours
    os.utime(path / f"manifests/{number:06d}.json", (when, when))


def litter(path: Path) -> set[str]:
    """What crashes and repairs leave behind, without what was set aside."""
    names = {"texts/.part.parquet.1.tmp", "texts/part-0.parquet", ".CURRENT.2.tmp",
             "embeddings/encoder=tiny/part-1.parquet", "encoders/old.json"}  # fmt: skip
    for name in names:
        (path / name).write_bytes(b"12345")
    (path / "journal").mkdir(exist_ok=True)
    for name in ("journal/run-x.jsonl.0a1b.damaged", "texts/part-2.parquet.0a1b.damaged"):
        (path / name).write_bytes(b"123")
    return names


def test_gc__removes_what_the_live_snapshot_does_not_need(filled):
    before, names = content(filled.path), litter(filled.path)
    remaining = (
        files(filled.path) - names - {f"manifests/00000{number}.json" for number in range(3)}
    )
    done = collect_at_once(filled)
    assert files(filled.path) == remaining
    assert set(done.files) > names
    assert done.bytes > 25
    assert [name for name in done.files[:3] if "manifests" not in name] == []  # these go first
    assert done.kept == ("000003.json",)
    assert content(filled.path) == before
    assert examine(filled.path).problems == []
    assert collect_at_once(filled).files == ()


def test_gc__removes_the_parts_that_compact_replaced(filled):
    compact(filled)
    collect_at_once(Store.open(filled.path))
    now = Store.open(filled.path)
    assert {str(p.relative_to(now.path)) for p in now.path.rglob("*.parquet")} == {
        part.path for part in now.manifest.parts()
    }
    assert now.table("responses").num_rows == 5


def test_gc__keeps_the_newest_snapshots_and_those_that_banks_cite(filled):
    compact(filled)
    save_bank(small_bank(manifest="000001.json"), filled.path / "banks")
    done = collect_at_once(filled, keep=2)
    assert done.kept == ("000001.json", "000003.json", "000004.json")
    for number in (1, 3, 4):
        old = Store(filled.path)
        old.advance(read_manifest(filled.path, number))
        assert old.table("responses").num_rows == (3 if number == 1 else 5)
    assert examine(filled.path).problems == []


def test_gc__leaves_a_reader_the_snapshot_that_it_took_within_the_hour(filled):
    reader = Store.open(filled.path)
    rows = reader.table("texts")
    compact(Store.open(filled.path))
    done = collect(Store.open(filled.path))
    assert done.recent == done.kept[:-1] == tuple(f"{number:06d}.json" for number in range(4))
    assert reader.table("texts").equals(rows)
    assert reader.embeddings("tiny").num_rows == 6  # not even opened before


@pytest.mark.parametrize("hours", [1.0, 5.0])
def test_gc__removes_a_snapshot_when_it_was_last_live_before_those_hours(filled, hours):
    compact(filled)
    age(filled.path, 0, 100)
    for number, ago in ((1, 3), (2, 2), (3, 1), (4, -1)):
        age(filled.path, number, hours + ago * 0.01)
    done = collect(Store.open(filled.path), keep_hours=hours)
    assert done.kept == ("000003.json", "000004.json")
    assert done.recent == ("000003.json",)
    age(filled.path, 4, hours + 0.01)
    assert collect(Store.open(filled.path), keep_hours=hours).kept == ("000004.json",)
    assert len(list(filled.path.rglob("*.parquet"))) == 6


def test_reader__whose_snapshot_was_removed_is_told_so_and_not_that_the_store_is_corrupt(filled):
    readers = [Store.open(filled.path) for _ in range(2)]
    assert {reader.manifest.number for reader in readers} == {3}
    readers[1].table("texts")  # verified once already
    compact(Store.open(filled.path))
    collect_at_once(Store.open(filled.path))
    for reader in readers:
        with pytest.raises(
            CollectedError, match=r"000003\.json.*run the same command again"
        ) as caught:
            reader.table("texts")
        with pytest.raises(CollectedError):
            list(reader.stream("texts"))
        assert caught.value.exit_code == 7
        assert "verify" not in str(caught.value)
    assert Store.open(filled.path).table("texts").num_rows == 6


def test_reader__of_an_older_snapshot_that_is_kept_is_told_of_damage(filled):
    reader = Store.open(filled.path)
    part = filled.path / reader.manifest.files()["texts"][0]
    compact(Store.open(filled.path))
    collect(Store.open(filled.path))
    part.unlink()
    with pytest.raises(CorruptError, match=part.name):
        reader.table("texts")


def test_verify__during_which_the_snapshot_is_removed_looks_at_the_next_one(filled, monkeypatch):
    from langseg.cache.store import manifest
    from langseg.cache.upkeep import verify as module

    old, real, calls = filled.manifest, manifest.live_manifest, []
    compact(filled)
    collect_at_once(Store.open(filled.path))

    def old_at_first(root):
        calls.append(root)
        return old if len(calls) == 1 else real(root)

    monkeypatch.setattr(module, "live_manifest", old_at_first)
    assert module.examine(filled.path).problems == []
    assert len(calls) == 2


def test_gc__never_removes_the_live_snapshot_whatever_a_bank_cites(filled):
    save_bank(small_bank(manifest="000099.json"), filled.path / "banks")
    assert collect_at_once(filled).kept == ("000003.json",)


def test_gc__removes_what_was_set_aside_only_when_asked(filled):
    litter(filled.path)
    collect_at_once(filled)
    assert len(list(filled.path.rglob("*.damaged"))) == 2
    done = collect_at_once(filled, damaged=True)
    assert len(done.files) == 2
    assert not list(filled.path.rglob("*.damaged"))


def test_gc__of_a_dry_run_names_the_same_files_and_removes_none(filled):
    litter(filled.path)
    before = files(filled.path)
    would = collect_at_once(filled, dry_run=True)
    assert files(filled.path) == before
    assert collect_at_once(filled).files == would.files


def test_gc__keeps_journals_and_batches(filled, rows):
    with filled.writer() as writer:
        journal = writer.start_journal("run-z")
        journal.append(*rows.answer(9))
        journal.flush()
        vectors = writer.start_vector_journal("run-z", "tiny")
        vectors.append(["sky"], np.eye(1, 8))
        vectors.close()
    (filled.path / "batches").mkdir()
    (filled.path / "batches/batch-1.jsonl").write_bytes(b"")
    collect_at_once(filled)
    kept = {"journal/run-z.jsonl", "journal/run-z.vectors", "batches/batch-1.jsonl"}
    assert kept <= files(filled.path)


def test_gc__leaves_a_bank_alone_that_may_still_be_written(filled):
    bank = save_bank(small_bank(manifest="000003.json"), filled.path / "banks")
    (bank / ".bank.json.1.tmp").touch()
    assert bank / ".bank.json.1.tmp" not in [
        filled.path / name for name in collect_at_once(filled).files
    ]
    os.utime(bank / ".bank.json.1.tmp", (1, 1))
    assert collect_at_once(filled).files == (
        str((bank / ".bank.json.1.tmp").relative_to(filled.path)),
    )


def test_gc__removes_arrays_that_no_bank_names_when_they_are_an_hour_old(filled):
    banks = filled.path / "banks"
    folder = save_bank(small_bank(manifest="000003.json"), banks)
    other = save_bank(in_other_bytes(), filled.path.parent / "other")
    (left,) = other.glob("bank-*")
    shutil.copy(left, folder)
    collect_at_once(filled)
    assert (folder / left.name).exists()
    os.utime(folder / left.name, (1, 1))
    done = collect_at_once(filled)
    assert done.files == (str((folder / left.name).relative_to(filled.path)),)
    check_bank(load_bank(folder))


def old_arm(banks: Path, seed: int) -> Path:
    folder = save_bank(small_bank(recipe={**RECIPE, "seed": seed}, manifest="000001.json"), banks)
    os.utime(folder / HEADER, (1, 1))
    return folder


def test_gc__removes_the_control_arms_that_no_index_lists_once_they_are_old(filled):
    banks = filled.path / "banks"
    real = save_bank(small_bank(manifest="000003.json"), banks)
    arms = [old_arm(banks, seed) for seed in range(4)]
    save_bank(small_bank(recipe={**RECIPE, "seed": 2}, manifest="000002.json"), banks)  # just now
    listed = [{"arm": "swapped", "fingerprint": arms[0].name}]
    index = {"real": real.name, "vocabulary": "two", "arms": listed}
    write_index(banks, index)
    assert len(loose_arms(filled.path)) == 3
    would = collect(filled, dry_run=True)
    done = collect(filled)
    assert done == would
    assert [arm.exists() for arm in (real, *arms)] == [True, True, False, True, False]
    assert len([name for name in done.files if "banks/" in name]) == 4
    assert loose_arms(filled.path) == [arms[2]]


def test_gc__cut_off_while_it_removes_an_arm_leaves_no_half_a_bank(filled, monkeypatch):
    arm = old_arm(filled.path / "banks", 0)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda path: next(path.iterdir()).unlink())
        collect_at_once(filled)
    assert bank_problems(filled.path) == []
    for path in filled.path.glob("banks/.*/*"):
        os.utime(path, (1, 1))
    assert len(collect_at_once(filled).files) == 1
    assert not list(arm.parent.iterdir())
    assert collect_at_once(filled).files == ()


def test_gc__removes_no_arm_while_it_is_not_known_which_are_listed(filled):
    banks = filled.path / "banks"
    arm = old_arm(banks, 0)
    (banks / "arms-0.json").write_text("{")
    collect_at_once(filled)
    assert arm.exists()


def test_gc__says_what_banks_alone_keep(filled):
    compact(filled)
    save_bank(small_bank(manifest="000001.json"), filled.path / "banks")
    live = {part.path for part in read_manifest(filled.path, 4).parts()}  # classes are in both
    old = {part.path for part in read_manifest(filled.path, 1).parts()} - live
    size = sum((filled.path / path).stat().st_size for path in old)
    done = collect_at_once(Store.open(filled.path))
    assert (done.cited, done.cited_bytes) == (("000001.json",), size)
    assert done.kept == ("000001.json", "000004.json")
    assert collect_at_once(Store.open(filled.path), keep=9).cited == ()


def test_gc__waits_for_no_writer(filled):
    names = litter(filled.path)
    with filled.writer(), pytest.raises(LockedError):
        collect_at_once(Store.open(filled.path))
    assert names <= files(filled.path)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"manifest": 7}), json.dumps({})])
def test_gc__removes_nothing_while_it_is_not_known_what_a_bank_needs(filled, text):
    bank = save_bank(small_bank(), filled.path / "banks")
    (bank / HEADER).write_text(text)
    before = files(filled.path)
    with pytest.raises(CorruptError, match=f"{bank / HEADER}: wanted") as caught:
        collect_at_once(filled)
    assert caught.value.remedy is Remedy.REPAIR
    assert files(filled.path) == before


def test_gc__removes_nothing_where_a_snapshot_to_be_kept_is_damaged(filled):
    (filled.path / "manifests/000002.json").write_bytes(b"{}")
    before = files(filled.path)
    with pytest.raises(CorruptError, match=r"000002\.json"):
        collect_at_once(filled, keep=2)
    assert files(filled.path) == before


def test_live_manifest__is_found_again_when_gc_came_between(filled, monkeypatch):
    """A reader that has read CURRENT before a commit, and lists the manifests after a gc."""
    from langseg.cache.store import manifest as module

    real, calls = module.read_current, []

    def old_at_first(root):
        calls.append(root)
        return 1 if len(calls) == 1 else real(root)

    collect_at_once(filled)
    monkeypatch.setattr(module, "read_current", old_at_first)
    assert module.live_manifest(filled.path) == replace(filled.manifest)
