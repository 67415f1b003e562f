"""The ledger of batches: what is on record, what a crash leaves, what damage is called."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from langseg.cache.errors import CorruptError, FormatError, LangSegError
from langseg.cache.keys import sha256_hex
from langseg.cache.records import Request
from langseg.cache.sealed import parse_line, render_line
from langseg.cache.store.batch_ledger import Ledger, batch_notes, batch_problems, held_answers
from langseg.cache.store.batch_records import BATCHES, BatchRecord, read_batch_records
from tests.support.repository import ROOT

STEPS = ("fsync", "link", "mkdir", "open", "replace", "unlink", "write")
GONE = 9
CUTTER = """
import os, shutil, sys
from pathlib import Path
from tests.cache.store.test_batch_ledger import before_step, life
folder, step, status = Path(sys.argv[1]), 0, 1
while status:
    step += 1
    shutil.copytree(folder / "before", folder / f"{step:03}")
    child = os.fork()
    if child == 0:
        before_step(step, lambda: os._exit(9), lambda name, call: setattr(os, name, call))
        life(folder / f"{step:03}")
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
"""


def test_put__a_batch_is_there_when_its_record_is(tmp_path):
    ledger = Ledger(tmp_path)
    record = enter(ledger, 3)
    ledger.put(replaced(record, file_id="file-1"))
    (read,) = Ledger(tmp_path).records()
    assert (read.n_requests, read.tokens, read.file_id, read.batch_id) == (3, 30, "file-1", "")
    with Ledger(tmp_path).requests(read) as rows:
        assert list(rows) == [request(n) for n in range(3)]
        assert rows[request(1).request_key] == request(1)
        assert list(rows.keys) == [request(n).request_key for n in range(3)]
        assert request(1).request_key in rows
        assert "other" not in rows


def test_records__come_oldest_first_and_numbers_go_up(tmp_path):
    numbers = []
    for _ in range(3):
        ledger = Ledger(tmp_path)
        numbers.append(enter(ledger, 1).number)
    assert numbers == [1, 2, 3]
    assert [record.number for record in Ledger(tmp_path).records()] == numbers


def test_remove__leaves_nothing_of_the_batch_and_the_others_alone(tmp_path):
    ledger = Ledger(tmp_path)
    gone, other = enter(ledger, 1), enter(ledger, 2)
    ledger.remove(gone.name)
    assert Ledger(tmp_path).records() == ledger.records() == [other]
    assert {path.stem for path in (tmp_path / BATCHES).iterdir()} == {other.name}


def test_draft__that_is_dropped_leaves_no_trace(tmp_path):
    draft = Ledger(tmp_path).draft()
    draft.add(request(1))
    draft.drop()
    draft.drop()
    assert list((tmp_path / BATCHES).iterdir()) == []


def test_ledger__tidies_away_what_a_crash_left(tmp_path):
    record = enter(Ledger(tmp_path), 1)
    orphan = tmp_path / BATCHES / "batch-0123.jsonl"
    orphan.write_text("")
    (tmp_path / BATCHES / f".{record.name}.jsonl.01234567.tmp").write_text("results")
    assert any(str(orphan) in note for note in batch_notes(tmp_path))
    assert batch_problems(tmp_path) == []
    Ledger(tmp_path)
    assert len(list((tmp_path / BATCHES).iterdir())) == 2


def test_ledger__of_a_store_without_batches_makes_no_folder(tmp_path):
    assert Ledger(tmp_path).records() == []
    assert (batch_problems(tmp_path), batch_notes(tmp_path)) == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_notes__say_where_requests_are(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.put(replaced(enter(ledger, 3), batch_id="batch_1"))
    enter(ledger, 2)
    there, out = sorted(batch_notes(tmp_path), key=lambda note: "on their way out" in note)
    assert "3 requests at http://127.0.0.1/v1" in there
    assert "2 requests on their way out" in out


def test_record__a_flipped_bit_anywhere_is_named(tmp_path):
    path = record_path(tmp_path, enter(Ledger(tmp_path), 2))
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(flipped(whole, place))
        (problem,) = batch_problems(tmp_path)
        assert str(path) in str(problem)
        with pytest.raises(CorruptError, match="wanted the bytes that were written"):
            read_batch_records(tmp_path)


def test_requests__a_flipped_bit_anywhere_is_named(tmp_path):
    ledger = Ledger(tmp_path)
    record = enter(ledger, 2)
    path = record_path(tmp_path, record).with_suffix(".jsonl")
    whole = path.read_bytes()
    for damaged in [*(flipped(whole, n) for n in range(0, len(whole), 7)), whole[:-1], b"", None]:
        if damaged is None:
            path.unlink()
        else:
            path.write_bytes(damaged)
        with pytest.raises(CorruptError, match=record.name):
            ledger.requests(record)
        assert len(batch_problems(tmp_path)) == 1


def test_record__under_another_name_is_damage(tmp_path):
    path = record_path(tmp_path, enter(Ledger(tmp_path), 1))
    path.rename(path.with_name("batch-other.json"))
    assert len(batch_problems(tmp_path)) == 1


@pytest.mark.parametrize(
    ("values", "kind", "word"),
    [
        ({"v": 2}, FormatError, "wanted batch format 1, got 2; open the store with the LangSeg"),
        ({"number": "1"}, CorruptError, "a record of another shape"),
        ({"tokens": None}, CorruptError, "a record of another shape"),
    ],
)
def test_record__that_is_sealed_but_no_record_is_named(tmp_path, values, kind, word):
    path = record_path(tmp_path, enter(Ledger(tmp_path), 1))
    document = {**parse_line(path.read_bytes(), end="\n"), **values}
    path.write_bytes(render_line(document, end="\n"))
    with pytest.raises(kind, match=word):
        read_batch_records(tmp_path)


def test_held_answers__are_those_that_came_with_the_batchs_name(store, rows):
    with store.writer() as writer:
        writer.commit(rows.tables([rows.answer(1, "batch-1"), rows.answer(2, "batch-2")]))
    assert held_answers(store, "batch-1") == {rows.answer(1)[0].request_key}
    assert held_answers(store, "batch-9") == set()


@pytest.mark.slow
def test_ledger__killed_at_any_step_is_in_the_state_before_or_after(tmp_path):
    enter(Ledger(tmp_path / "before"), 2)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", CUTTER, str(tmp_path)], env=environment, check=True)
    cut = sorted(path for path in tmp_path.iterdir() if path.name != "before")
    check_states([state(root) for root in cut])
    assert len(cut) > 15


def test_ledger__refused_at_any_step_is_in_the_state_before_or_after(tmp_path, monkeypatch):
    states = []
    for step in count(1):
        root, sentence = tmp_path / f"{step}", ""
        refusals: list[int] = []
        enter(Ledger(root), 2)
        with monkeypatch.context() as patch:
            refuse = partial(refuse_and_note, refusals)
            before_step(step, refuse, lambda name, call: patch.setattr(os, name, call))  # noqa: B023
            try:
                life(root)
            except LangSegError as exc:
                sentence = str(exc)
        assert not sentence or (str(root) in sentence and "the disk refused a write" in sentence)
        if sentence or not refusals:  # not where the disk was asked for what can wait
            states.append(state(root))
        if not refusals:
            break
    check_states(states)


def check_states(states: list[list[tuple[str, str]]]) -> None:
    old = ("2", "")
    expected = [
        [old],
        [old, ("3", "")],
        [old, ("3", "file")],
        [old, ("3", "file batch")],
        [("3", "file batch")],
    ]
    places = [expected.index(found) for found in states]
    assert places == sorted(places)
    assert set(places) == set(range(len(expected)))


def state(root: Path) -> list[tuple[str, str]]:
    """What is on record, once the next run has tidied."""
    assert batch_problems(root) == []
    ledger = Ledger(root)
    found = []
    for record in ledger.records():
        with ledger.requests(record) as rows:
            assert list(rows) == [request(n) for n in range(record.n_requests)]
        found.append((f"{record.n_requests}", f"{record.file_id} {record.batch_id}".strip()))
    assert len(list((root / BATCHES).iterdir())) == 2 * len(found)
    return found


def life(root: Path) -> None:
    """A batch goes out, and an older one is forgotten."""
    ledger = Ledger(root)
    (old,) = ledger.records()
    record = enter(ledger, 3)
    record = replaced(record, file_id="file")
    ledger.put(record)
    ledger.put(replaced(record, batch_id="batch"))
    ledger.remove(old.name)


def before_step(
    step: int, end: Callable[[], None], patch: Callable[[str, Callable[..., Any]], None]
) -> None:
    """Call ``end`` before the ``step``-th change to the disk."""
    steps = count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if next(steps) == step:
                end()
            return real(*args, **named)

        return call

    for name in STEPS:
        patch(name, counted(getattr(os, name)))


def refuse_and_note(refusals: list[int]) -> None:
    refusals.append(1)
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def enter(ledger: Ledger, n_requests: int) -> BatchRecord:
    draft = ledger.draft()
    try:
        for number in range(n_requests):
            draft.add(request(number))
        record = draft.finish(base_url="http://127.0.0.1/v1", tokens=30, created_at="2026-11-01")
    finally:
        draft.drop()
    ledger.put(record)
    return record


def request(number: int) -> Request:
    return Request(
        request_key=sha256_hex(f"request {number}"),
        class_name="häufig",
        sense="",
        scene="*",
        sample_index=number,
        model="m",
        prompt_id="p",
        params_json="{}",
        messages_json='[{"content":"wall\\n","role":"user"}]',
        schema_json="{}",
    )


def replaced(record: BatchRecord, **changes: Any) -> BatchRecord:
    return replace(record, **changes)


def record_path(root: Path, record: BatchRecord) -> Path:
    return root / BATCHES / f"{record.name}.json"


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
