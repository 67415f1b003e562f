"""Processes that die, disks that fail, writers that meet: what must survive, and what is said."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from langseg.cache.errors import LangSegError, LockedError
from langseg.cache.journal import journal_names, journal_path, read_journal
from langseg.cache.store import Store

KILLS = 30
PATIENCE_S = 30  # for another process on a busy machine
GONE, SURVIVED = 9, 10  # as in store_worker.py


class Nursery:
    """The process that forks the writers of ``store_worker.py``."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("store_worker.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, job: str, **arguments: object) -> int:
        """Returns: the child's process id."""
        assert self._server.stdin is not None
        asked = json.dumps({"job": job, "arguments": arguments}, default=str)
        self._server.stdin.write(asked + "\n")
        self._server.stdin.flush()
        return self._read("pid")

    def wait(self) -> int:
        """Returns: how the child ended; negative for a signal."""
        return self._read("exit")

    def run(self, job: str, **arguments: object) -> int:
        self.start(job, **arguments)
        return self.wait()

    def close(self) -> None:
        self._server.communicate()

    def _read(self, word: str) -> int:
        assert self._server.stdout is not None
        told = self._server.stdout.readline().split()
        assert told[:1] == [word]
        return int(told[1])


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def committed(store: Path) -> Counter[str]:
    return Counter(Store.open(store).table("responses")["request_key"].to_pylist())


def journalled(store: Path) -> set[str]:
    paths = [journal_path(store, name) for name in journal_names(store)]
    return {request.request_key for path in paths for request, _ in read_journal(path)}


def content(store: Path) -> dict[str, list[str]]:
    """Every row of every table, in an order that does not depend on how it came about."""
    opened = Store.open(store)
    tables = {name: opened.table(name) for name in ("requests", "responses", "texts")}
    tables["descriptors"] = opened.table("descriptors")
    tables |= {name: opened.embeddings(name) for name in opened.encoders()}
    return {name: sorted(map(repr, table.to_pylist())) for name, table in tables.items()}


def test_writer__killed_at_any_moment_loses_no_answer_and_doubles_none(nursery, tmp_path):
    store, told = tmp_path / "store", tmp_path / "told"
    told.touch()
    chance = random.Random(7)
    for round_ in range(1, KILLS + 1):
        child = nursery.start("generate", store=store, acknowledged=told, first=10_000 * round_)
        time.sleep(chance.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        assert nursery.wait() == -signal.SIGKILL
        acknowledged = set(told.read_text().split())
        there = Store.open(store, create=True)
        assert there.verify().problems == []
        assert acknowledged <= committed(store).keys() | journalled(store)
    assert nursery.run("one_commit", store=store) == 0
    counts = committed(store)
    assert acknowledged <= counts.keys()
    assert acknowledged  # the writers did get somewhere
    assert set(counts.values()) == {1}
    assert journal_names(store) == []
    assert Store.open(store).verify().problems == []


@pytest.fixture(scope="module")
def before(nursery, tmp_path_factory) -> Path:
    """A store with one commit and the journal of a run that was killed."""
    store = Path(tmp_path_factory.mktemp("before")) / "store"
    Store.open(store, create=True)
    assert nursery.run("commit_often", store=store, times=1, first=0, lock=True) == 0
    told = store.with_name("told")
    child = nursery.start("generate", store=store, acknowledged=told, first=5)
    until(lambda: told.exists() and told.stat().st_size > 0)
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
        assert Store.open(store).verify().problems == []
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
        assert Store.open(store).verify().problems == []
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
        assert Store.open(store, create=True).verify().problems == []
        assert committed(store) == {}
    assert status == 0
    assert step > 8


def test_reader__sees_whole_snapshots_while_a_writer_commits(nursery, tmp_path):
    store = tmp_path / "store"
    Store.open(store, create=True)
    nursery.start("commit_often", store=store, times=25, first=0, lock=True)
    seen = [0]
    limit = time.monotonic() + PATIENCE_S
    while seen[-1] < 25 and time.monotonic() < limit:
        now = Store.open(store)
        responses, descriptors = now.table("responses"), now.table("descriptors")
        assert len(now.table("requests")) == len(responses) == now.manifest.number
        assert len(descriptors) == 2 * len(responses)
        seen.append(len(responses))
    assert nursery.wait() == 0
    assert seen == sorted(seen)
    assert seen[-1] == 25
    assert len(set(seen)) > 3


def test_second_writer__is_told_at_once_which_process_writes(nursery, tmp_path):
    store, ready = tmp_path / "store", tmp_path / "ready"
    Store.open(store, create=True)
    child = nursery.start("hold", store=store, ready=ready)
    until(ready.exists)
    asked = time.monotonic()
    with pytest.raises(LockedError, match=rf"process {child} on ") as told, Store(store).writer():
        pass
    assert time.monotonic() - asked < 1.0
    assert told.value.exit_code == 7
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
    assert Store.open(store).verify().problems == []


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
    assert Store.open(store).verify().problems == []


def test_full_disk__costs_a_journal_only_what_was_not_flushed(nursery, tmp_path):
    store, message = tmp_path / "store", tmp_path / "message"
    Store.open(store, create=True)
    status = nursery.run("fill_disk_with_answers", store=store, limit=20_000, message=message)
    assert status == LangSegError.exit_code
    safe, sentence = message.read_text().split("\n")
    assert "run-c.jsonl: the disk refused 1 answers" in sentence
    assert len(journalled(store)) == int(safe) > 5
