"""Writers to be killed: a process that forks one child for each job it reads from stdin.

In:  lines ``{"job": <function below>, "arguments": {...}}``.
Out: ``pid <n>`` when the child runs, ``exit <status>`` when it has ended (negative: a signal).

Forking saves the second that imports take, and a forked child dies of SIGKILL as any process.
Nothing here may read or write a table before the fork, because threads do not cross it.
"""

import errno
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy.ma
import numpy.random
import pyarrow
import pyarrow.acero
import pyarrow.compute
import pyarrow.parquet

from langseg.cache.errors import LangSegError, LockedError
from langseg.cache.store.store import Store
from langseg.cache.upkeep.compact import compact
from langseg.cache.upkeep.gc import collect
from langseg.cache.upkeep.repair import repair_store
from tests.support.store_rows import RECORD, make_answer, make_tables, make_vectors

# what a writer imports when it needs it; here it comes along with the fork instead
FORKED = (filelock, numpy.ma, numpy.random, pyarrow.acero, pyarrow.compute, pyarrow.parquet)
GONE, SURVIVED = 9, 10  # exit statuses: killed by itself; refused something it can do without
STEPS = ("fsync", "link", "mkdir", "open", "replace", "unlink", "write")


def generate(store: str, acknowledged: str, first: int) -> None:
    """Recover, then journal and commit for ever, telling which answers are safe."""
    log = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    run_id = f"run-{first}"
    number = first
    with Store.open(Path(store), create=True).writer() as writer:
        found = writer.recover()
        writer.commit(make_tables(found.rows), retired_journals=found.journals)
        while True:
            answers = []
            run = writer.start_journal(run_id)
            for _ in range(3):
                batch = [make_answer(number + i, run_id) for i in range(4)]
                number += 4
                for answer in batch:
                    run.append(*answer)
                run.flush()
                os.write(log, "".join(f"{request.request_key}\n" for request, _ in batch).encode())
                answers += batch
            writer.commit(make_tables(answers), retired_journals=[run.name])


def one_commit(store: str) -> None:
    """Everything a writer can do, in one commit; done again it changes nothing."""
    with Store.open(Path(store), create=True).writer() as writer:
        found = writer.recover()
        answers = [make_answer(number, "run-b") for number in range(10, 14)]
        run = writer.start_journal("run-b")
        for answer in answers:
            run.append(*answer)
        run.flush()
        tables = make_tables([*found.rows, *answers])
        vectors = make_vectors(tables["texts"]["text_id"].to_pylist())
        writer.commit(tables, {"tiny": vectors}, {"tiny": RECORD}, [*found.journals, run.name])


def create_until(store: str, step: int) -> None:
    """Make an empty store, but be gone before the ``step``-th change to the disk."""
    count_steps(step, lambda: os._exit(GONE))
    Store.open(Path(store), create=True)


def commit_until(store: str, step: int) -> None:
    """``one_commit``, but gone without a word before its ``step``-th change to the disk."""
    count_steps(step, lambda: os._exit(GONE))
    one_commit(store)


def commit_until_error(store: str, step: int) -> None:
    """``one_commit`` with a disk that refuses its ``step``-th change."""
    refusals = []

    def refuse() -> None:
        refusals.append(step)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    count_steps(step, refuse)
    try:
        one_commit(store)
    except LangSegError as exc:
        sys.exit(exc.exit_code)
    if refusals:
        sys.exit(SURVIVED)


def count_steps(step: int, end: Callable[[], None]) -> None:
    left = step

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                end()
            return real(*args, **named)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


def commit_often(store: str, times: int, first: int, lock: bool) -> None:
    """Many small commits; without ``lock`` its file is removed by hand each time."""
    for number in range(first, first + times):
        if not lock:
            (Path(store) / "LOCK").unlink(missing_ok=True)
        _commit_when_free(Path(store), make_tables([make_answer(number)]))


def _commit_when_free(store: Path, tables: dict[str, pyarrow.Table]) -> None:
    give_up = time.monotonic() + 5
    while True:
        try:
            with Store.open(store).writer() as writer:
                writer.commit(tables)
        except LockedError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def keep_committing(store: str, done: str) -> None:
    """Commit, merge and tidy away until the file ``done`` is there."""
    number = 0
    while not Path(done).exists():
        number += 1
        with Store.open(Path(store)).writer() as writer:
            writer.commit(make_tables([make_answer(number)]))
        if number % 10 == 0:
            compact(Store.open(Path(store)))
            collect(Store.open(Path(store)))


def repair_until(store: str, step: int) -> None:
    """Repair, but be gone before the ``step``-th change to the disk."""
    count_steps(step, lambda: os._exit(GONE))
    repair_store(Path(store), make_tables)


def compact_until(store: str, step: int) -> None:
    """Merge parts, but be gone before the ``step``-th change to the disk."""
    count_steps(step, lambda: os._exit(GONE))
    compact(Store.open(Path(store)))


def collect_until(store: str, step: int) -> None:
    """Collect garbage, but be gone before the ``step``-th change to the disk."""
    count_steps(step, lambda: os._exit(GONE))
    collect(Store.open(Path(store)), keep_hours=0, damaged=True)


def commit_at_once(store: str, times: int) -> None:
    """Three writers whose lock is lost."""
    children = []
    for first in (0, 100, 200):
        child = os.fork()
        if child == 0:
            run_child(commit_often, {"store": store, "times": times, "first": first, "lock": False})
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(max(os.waitstatus_to_exitcode(status) for status in statuses))


def hold(store: str, ready: str) -> None:
    """Keep the lock until killed."""
    with Store.open(Path(store)).writer():
        Path(ready).touch()
        time.sleep(60)


def fill_disk(store: str, limit: int, message: str) -> None:
    """Commit more than a file may hold; the refusal's exit code and sentence come back."""
    answers = [make_answer(number) for number in range(100, 3000)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with Store.open(Path(store)).writer() as writer:
            writer.commit(make_tables(answers))
    except LangSegError as exc:
        Path(message).write_text(str(exc))
        sys.exit(exc.exit_code)


def fill_disk_with_answers(store: str, limit: int, message: str) -> None:
    """Journal until a flush is refused; say how many flushes were not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    safe = 0
    try:
        with Store.open(Path(store)).writer() as writer:
            run = writer.start_journal("run-c")
            for number in range(1000):
                run.append(*make_answer(number, "run-c"))
                run.flush()
                safe += 1
    except LangSegError as exc:
        Path(message).write_text(f"{safe}\n{exc}")
        sys.exit(exc.exit_code)


JOBS: dict[str, Callable[..., None]] = {
    "generate": generate,
    "one_commit": one_commit,
    "create_until": create_until,
    "commit_until": commit_until,
    "commit_until_error": commit_until_error,
    "commit_often": commit_often,
    "keep_committing": keep_committing,
    "repair_until": repair_until,
    "compact_until": compact_until,
    "collect_until": collect_until,
    "commit_at_once": commit_at_once,
    "hold": hold,
    "fill_disk": fill_disk,
    "fill_disk_with_answers": fill_disk_with_answers,
}


def run_child(job: Callable[..., None], arguments: dict[str, Any]) -> None:
    status = 1
    try:
        job(**arguments)
        status = 0
    except SystemExit as exc:
        status = int(exc.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    pyarrow.set_cpu_count(1)  # no pool of threads for each child
    pyarrow.set_io_thread_count(1)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            run_child(JOBS[asked["job"]], asked["arguments"])
        print(f"pid {child}", flush=True)
        _, status = os.waitpid(child, 0)
        print(f"exit {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    serve()
