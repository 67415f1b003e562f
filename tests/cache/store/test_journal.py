"""The journal: what was flushed is read back, what was torn is dropped, what is damaged is told."""

import errno
import json
import math
import os
from dataclasses import replace

import pytest

from langseg.cache.errors import CorruptError, FormatError, LangSegError, Remedy
from langseg.cache.sealed import parse_line, render_line
from langseg.cache.store.journal import Journal, journal_path, read_journal, salvage_journal


@pytest.fixture
def written(tmp_path, rows):
    """A journal of six answers, and the answers."""
    answers = [rows.answer(number) for number in range(6)]
    with Journal(tmp_path, "run-a") as journal:
        for answer in answers:
            journal.append(*answer)
    return journal_path(tmp_path, "run-a"), answers


def test_flush__puts_one_json_line_for_each_answer(written):
    path, answers = written
    lines = path.read_text().splitlines()
    assert [json.loads(line)["request"]["sample_index"] for line in lines] == [0, 1, 2, 3, 4, 5]
    assert read_journal(path) == answers


def test_append__holds_lines_back_until_the_flush(tmp_path, rows):
    with Journal(tmp_path, "run-a") as journal:
        journal.append(*rows.answer(1))
        assert read_journal(journal_path(tmp_path, "run-a")) == []
        journal.flush()
        assert read_journal(journal_path(tmp_path, "run-a")) == [rows.answer(1)]


@pytest.mark.parametrize("raw_text", ["", "a\nb\r\n\u2028\x00", "\ud800 half an emoji", "ü" * 999])
def test_journal__keeps_a_reply_word_for_word(tmp_path, rows, raw_text):
    request, response = rows.answer(1)
    response = replace(response, raw_text=raw_text, cost_usd=1e-7, latency_s=2.0)
    with Journal(tmp_path, "run-a") as journal:
        journal.append(request, response)
    assert read_journal(journal_path(tmp_path, "run-a")) == [(request, response)]


def test_append__refuses_nan_because_no_table_could_take_it(tmp_path, rows):
    request, response = rows.answer(1)
    with Journal(tmp_path, "run-a") as journal:
        with pytest.raises(LangSegError, match="wanted finite numbers"):
            journal.append(request, replace(response, latency_s=math.nan))
        journal.append(request, response)
    assert read_journal(journal_path(tmp_path, "run-a")) == [(request, response)]


def test_append__refuses_a_closed_journal(tmp_path, rows):
    with Journal(tmp_path, "run-a") as journal:
        pass
    journal.close()
    with pytest.raises(LangSegError, match=r"run-a\.jsonl: wanted an open journal"):
        journal.append(*rows.answer(1))


def test_journal__never_continues_a_file_that_is_there(tmp_path):
    Journal(tmp_path, "run-a").close()
    with pytest.raises(FileExistsError):
        Journal(tmp_path, "run-a")


def test_read_journal__drops_only_a_torn_last_line(written):
    path, answers = written
    data = path.read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(data) - 1, 7):
        path.write_bytes(data[:end])
        assert read_journal(path) == answers[:5]
    path.write_bytes(data[:-1])  # all there but for the line feed: it is an answer
    assert read_journal(path) == answers


def test_read_journal__names_a_damaged_line_whichever_bit_changed(written):
    path, _ = written
    data = path.read_bytes()
    second = data.index(b"\n") + 1
    third = data.index(b"\n", second) + 1
    for bit in range(8 * second, 8 * third, 31):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CorruptError, match=r"run-a\.jsonl: .* in lines? 2") as caught:
            read_journal(path)
        assert caught.value.remedy is Remedy.REPAIR


def test_journal__of_another_format_is_refused_and_left_as_it_is(written):
    path, _ = written
    first, *others = path.read_bytes().splitlines(keepends=True)
    document = {**parse_line(first, digits=16), "v": 2}
    path.write_bytes(b"".join([render_line(document, digits=16), *others]))
    data = path.read_bytes()
    for look in (read_journal, salvage_journal):
        with pytest.raises(FormatError, match="wanted journal format 1, got 2"):
            look(path)
    assert [(each, each.read_bytes()) for each in path.parent.iterdir()] == [(path, data)]


def test_read_journal__counts_what_is_still_good(written):
    path, _ = written
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[3] = b"{}"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(CorruptError, match=r"lines 2, 4 \(4 other answers are good\)"):
        read_journal(path)


def test_salvage_journal__goes_on_with_the_good_lines_and_keeps_the_damaged_file(written):
    path, answers = written
    damaged = path.read_bytes().replace(b"phrase 2", b"phrase 7")
    path.write_bytes(damaged)
    assert salvage_journal(path) == 1
    assert read_journal(path) == [*answers[:2], *answers[3:]]
    (copy,) = path.parent.glob("*.damaged")
    assert copy.read_bytes() == damaged
    assert salvage_journal(path) == 0


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_flush__closes_the_journal_when_the_disk_refuses(tmp_path, rows, monkeypatch, step):
    journal = Journal(tmp_path, "run-a")
    journal.append(*rows.answer(1))
    journal.flush()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal.append(*rows.answer(2))
    with monkeypatch.context() as patched:
        patched.setattr(os, step, refuse)
        with pytest.raises(LangSegError, match=r"refused 1 answers \(No space left") as caught:
            journal.flush()
    assert caught.value.exit_code == 1
    with pytest.raises(LangSegError, match="wanted an open journal"):
        journal.append(*rows.answer(3))
    journal.close()
    assert rows.answer(1) in read_journal(journal_path(tmp_path, "run-a"))


def test_flush__cut_by_ctrl_c_goes_on_where_it_was_cut(tmp_path, rows, monkeypatch):
    answers = [rows.answer(number) for number in range(4)]
    journal = Journal(tmp_path, "run-a")
    for answer in answers:
        journal.append(*answer)
    write = os.write

    def cut(handle: int, data: memoryview) -> int:
        write(handle, data[:700])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            journal.flush()
    journal.close()
    assert read_journal(journal_path(tmp_path, "run-a")) == answers
