"""Processes that die, disks that fail, writers that meet: what must survive, and what is said."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from langseg.cache.errors import LangSegError, LockedError
from langseg.cache.store.journal import journal_names, journal_path, read_journal
from langseg.cache.store.store import Store
from langseg.cache.upkeep.verify import examine
from tests.support.nursery import GONE, SURVIVED, Nursery, content
from tests.support.seeds import seeds
from tests.support.until import PATIENCE_S, until

pytestmark = pytest.mark.slow

KILLS, READS = 30, 1000


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def committed(store: Path) -> Counter[str]:
    return Counter(Store.open(store).table("responses")["request_key"].to_pylist())


def journalled(store: Path) -> set[str]:
    paths = [journal_path(store, name) for name in journal_names(store)]
    return {request.request_key for path in paths for request, _ in read_journal(path)}


@pytest.mark.parametrize("seed", seeds(7))
def test_writer__killed_at_any_moment_loses_no_answer_and_doubles_none(nursery, tmp_path, seed):
    store, acknowledged_file = tmp_path / "store", tmp_path / "acknowledged"
    acknowledged_file.touch()
    chance = random.Random(seed)
    for round_ in range(1, KILLS + 1):
        child = nursery.start(
            "generate", store=store, acknowledged=acknowledged_file, first=10_000 * round_
        )
        time.sleep(chance.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        assert nursery.wait() == -signal.SIGKILL
        acknowledged = set(acknowledged_file.read_text().split())
        there = Store.open(store, create=True)
        assert examine(there.path).problems == []
        assert acknowledged <= committed(store).keys() | journalled(store)
    assert nursery.run("one_commit", store=store) == 0
    counts = committed(store)
    assert acknowledged <= counts.keys()
    assert acknowledged  # the writers did get somewhere
    assert set(counts.values()) == {1}
    assert journal_names(store) == []
    assert examine(store).problems == []


@pytest.fixture(scope="module")
def before(nursery, tmp_path_factory) -> Path:
    """A store with one commit and the journal of a run that was killed."""
    store = Path(tmp_path_factory.mktemp("before")) / "store"
    Store.open(store, create=True)
    assert nursery.run("commit_often", store=store, times=1, first=0, lock=True) == 0
    acknowledged_file = store.with_name("acknowledged")
    child = nursery.start("generate", store=store, acknowledged=acknowledged_file, first=5)
    until(lambda: acknowledged_file.exists() and acknowledged_file.stat().st_size > 0)
    os.kill(child, signal.SIGKILL)
    nursery.wait()
    return store


def cut_commits(nursery: Nursery, before: Path, job: str) -> Iterator[tuple[int, Path]]:
    """One commit for each step it takes, cut at that step: how it ended, and where."""
    step, status = 0, -1
    while status != 0:
        step += 1
        store = before.with_name(f"{job}-{step}")
        shutil.copytree(before, store)
        status = nursery.run(job, store=store, step=step)
        yield status, store
    assert step > 40


def test_commit__killed_at_any_step_leaves_the_old_state_or_the_new(nursery, before):
    old, seen = content(before), []
    new: dict[str, list[str]] = {}
    for status, store in cut_commits(nursery, before, "commit_until"):
        assert status in (0, GONE)
        assert examine(store).problems == []
        seen.append(content(store))
        assert nursery.run("one_commit", store=store) == 0  # and the next writer completes it
        new = new or content(store)
        assert content(store) == new
    assert old != new
    assert seen == [old] * seen.count(old) + [new] * seen.count(new)


def test_commit__refused_at_any_step_leaves_the_old_state_or_the_new(nursery, before):
    seen = []
    for status, store in cut_commits(nursery, before, "commit_until_error"):
        assert status in (0, LangSegError.exit_code, SURVIVED)
        assert examine(store).problems == []
        if status != SURVIVED:
            seen.append(content(store))
    old, new = seen[0], seen[-1]
    assert old == content(before) != new
    assert seen == [old] * seen.count(old) + [new] * seen.count(new)


def test_create__cut_at_any_step_is_done_by_the_next_one(nursery, tmp_path):
    step, status = 0, GONE
    while status == GONE:
        step += 1
        store = tmp_path / f"{step}"
        status = nursery.run("create_until", store=store, step=step)
        assert examine(Store.open(store, create=True).path).problems == []
        assert committed(store) == {}
    assert status == 0
    assert step > 8


def test_reader__sees_whole_snapshots_while_a_writer_commits_and_compacts(nursery, tmp_path):
    store, done = tmp_path / "store", tmp_path / "done"
    Store.open(store, create=True)
    nursery.start("keep_committing", store=store, done=done)
    seen = [0]
    limit = time.monotonic() + PATIENCE_S
    while len(seen) <= READS or (len(set(seen)) <= 10 and time.monotonic() < limit):
        now = Store.open(store)
        keys = now.table("responses", ("request_key",))["request_key"].to_pylist()
        assert sorted(now.table("requests")["request_key"].to_pylist()) == sorted(keys)
        assert len(now.table("descriptors", ("rank",))) == 2 * len(keys) == 2 * len(set(keys))
        seen.append(len(keys))
    done.touch()
    assert nursery.wait() == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    assert len(committed(store)) >= seen[-1]
    assert examine(store).problems == []


def test_second_writer__is_told_at_once_which_process_writes(nursery, tmp_path):
    store, ready = tmp_path / "store", tmp_path / "ready"
    Store.open(store, create=True)
    child = nursery.start("hold", store=store, ready=ready)
    until(ready.exists)
    asked = time.monotonic()
    with pytest.raises(LockedError, match=rf"process {child} on ") as caught, Store(store).writer():
        pass
    assert time.monotonic() - asked < 1.0
    assert caught.value.exit_code == 7
    os.kill(child, signal.SIGKILL)
    nursery.wait()
    with Store(store).writer():  # the lock died with its process
        pass


def test_writers_whose_lock_is_lost__lose_no_row(nursery, tmp_path):
    store = tmp_path / "store"
    Store.open(store, create=True)
    assert nursery.run("commit_at_once", store=store, times=8) == 0
    counts = committed(store)
    assert len(counts) == 24
    assert set(counts.values()) == {1}
    assert examine(store).problems == []


def test_full_disk__says_where_and_leaves_the_old_state(nursery, before, tmp_path):
    store, message = tmp_path / "store", tmp_path / "message"
    shutil.copytree(before, store)
    old, unfinished = content(store), list(store.rglob(".*.tmp"))  # what the kill left behind
    status = nursery.run("fill_disk", store=store, limit=50_000, message=message)
    assert status == LangSegError.exit_code
    assert str(store) in message.read_text()
    assert "nothing was committed" in message.read_text()
    assert content(store) == old
    assert list(store.rglob(".*.tmp")) == unfinished
    assert nursery.run("one_commit", store=store) == 0
    assert examine(store).problems == []


def test_full_disk__costs_a_journal_only_what_was_not_flushed(nursery, tmp_path):
    store, message = tmp_path / "store", tmp_path / "message"
    Store.open(store, create=True)
    status = nursery.run("fill_disk_with_answers", store=store, limit=20_000, message=message)
    assert status == LangSegError.exit_code
    safe, sentence = message.read_text().split("\n")
    assert "run-c.jsonl: the disk refused 1 answers" in sentence
    assert len(journalled(store)) == int(safe) > 5
