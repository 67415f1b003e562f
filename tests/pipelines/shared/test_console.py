"""What is shown to a person cannot act: no control characters, no markup, no traceback."""

import errno
import io
import json
import os
import signal
import sys
from datetime import date

import pytest

from langseg.cache.errors import CorruptError, InputError
from langseg.pipelines.shared.console import emit_json, emit_table, plain, progress, run, say

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[0m \u202egnp.exe [bold]markup[/bold]\x00\nnext"


def test_plain__drops_escape_bidi_and_null_characters_and_keeps_one_line():
    assert plain(HOSTILE) == "]0;title[31mred[0m gnp.exe [bold]markup[/bold] next"


def test_emit_table__shows_markup_as_text_and_never_an_escape(capsys):
    emit_table(("a",), [(HOSTILE,)], title="[red]title[/red]")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]markup[/bold]" in out


def test_emit_table__never_cuts_a_cell_when_stdout_is_no_terminal(capsys):
    emit_table(("a", "b"), [("x" * 20_000, None)])
    assert "x" * 20_000 in capsys.readouterr().out


def test_emit_table__of_many_columns_and_few_rows_is_turned_on_its_side(capsys):
    names = [f"name{n}" for n in range(9)]
    emit_table(names, [range(9)])
    lines = [line.split() for line in capsys.readouterr().out.strip().split("\n")]
    assert lines[0] == ["column", "value"]
    assert ["name8", "8"] in lines
    emit_table(names, [range(9), range(9)])
    assert "row 2" in capsys.readouterr().out
    for columns, rows in ((names, 4), (names[:8], 1)):
        emit_table(columns, [range(9)] * rows)
        assert capsys.readouterr().out.split()[: len(columns)] == columns


def test_emit_table__of_many_columns_and_no_row_is_their_names(capsys):
    names = [f"name{n}" for n in range(9)]
    emit_table(names, [])
    assert capsys.readouterr().out.split()[:9] == names


def test_emit_json__writes_what_json_lacks_as_null_hex_or_text(capsys):
    value = {"a": [float("nan"), (float("-inf"), b"\x00\xff")], 5: date(2026, 1, 2), "s": "\udc80"}
    emit_json({"nested": value})
    read = json.loads(capsys.readouterr().out)["nested"]
    assert read == {"a": [None, [None, "00ff"]], "5": "2026-01-02", "s": "\udc80"}


def test_emit_json__is_one_line_that_keeps_letters(capsys):
    emit_json({"café": [1, None]})
    assert capsys.readouterr().out == '{"café": [1, null]}\n'


def test_say__goes_to_stderr(capsys):
    say("note")
    assert capsys.readouterr() == ("", "note\n")


def test_progress__draws_nothing_without_a_terminal(capsys):
    with progress("work") as advance:
        advance(1, 2)
    assert capsys.readouterr() == ("", "")


def test_run__after_ctrl_c_says_how_far_the_work_was_and_what_is_kept(capsys):
    def app() -> None:
        with progress("work", "all is kept") as advance:
            advance(3, 7)
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted: work stopped at 3 of 7; all is kept\n"


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_run__takes_sigterm_for_ctrl_c_also_where_that_is_ignored(capsys, ctrl_c):
    before = signal.signal(signal.SIGINT, ctrl_c), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            run(lambda: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGINT, before[0])
    assert (ended.value.code, capsys.readouterr().err) == (130, "interrupted\n")
    assert signal.getsignal(signal.SIGTERM) == before[1]


@pytest.mark.parametrize(("error", "code"), [(InputError("bad row 3"), 3), (CorruptError("x"), 4)])
def test_run__ends_in_one_sentence_and_the_kinds_exit_code(capsys, error, code):
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == code
    assert capsys.readouterr().err == f"error: {error}\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileExistsError(errno.EEXIST, "File exists", "out"), "out: File exists"),
        (OSError(errno.EISDIR, "Is a directory", "a.tmp", None, "a"), "a: Is a directory"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError("no reason given"), "no reason given"),
    ],
)
def test_run__ends_a_fault_of_the_disk_in_one_sentence_and_3(capsys, error, said):
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert (ended.value.code, capsys.readouterr().err) == (3, f"error: {said}\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress__shows_a_servers_markup_as_text_and_never_squeezes_the_bar_out(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with progress("work") as advance:
        advance(3, 7, "HTTP 500: [bold]x[/bold] [/red] " + "y" * 200)
    assert "[bold]x[/bold] [/red]" in screen.getvalue()
    assert "3/7" in screen.getvalue()
