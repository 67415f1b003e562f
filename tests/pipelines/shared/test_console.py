"""What is said cannot act, and a command ends in one sentence and its exit code."""

import errno
import io
import json
import os
import signal
import subprocess
import sys

import pytest

from langseg.cache.errors import CorruptError, InputError
from langseg.pipelines.shared.console import plain, run, say
from langseg.pipelines.shared.progress import progress

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[0m \u202egnp.exe [bold]markup[/bold]\x00\nnext"


def test_plain__drops_escape_bidi_and_null_characters_and_keeps_one_line():
    assert plain(HOSTILE) == "]0;title[31mred[0m gnp.exe [bold]markup[/bold] next"


def test_say__goes_to_stderr(capsys):
    say("note")
    assert capsys.readouterr() == ("", "note\n")


def test_run__after_ctrl_c_says_how_far_the_work_was_and_what_is_kept(capsys):
    def app() -> None:
        with progress("work", "all is kept") as advance:
            advance(3, 7)
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted: work stopped at 3 of 7; all is kept\n"


def test_run__after_ctrl_c_tells_what_the_work_notes_of_it(capsys):
    def app() -> None:
        with progress("work", "nothing is written"):
            stop = KeyboardInterrupt()
            stop.add_note("features are kept")
            raise stop

    with pytest.raises(SystemExit):
        run(app)
    said = "interrupted: work stopped; features are kept; nothing is written\n"
    assert capsys.readouterr().err == said


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
    ("error", "sentence"),
    [
        (FileExistsError(errno.EEXIST, "File exists", "out"), "out: File exists"),
        (OSError(errno.EISDIR, "Is a directory", "a.tmp", None, "a"), "a: Is a directory"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError("no reason given"), "no reason given"),
    ],
)
def test_run__ends_a_fault_of_the_disk_in_one_sentence_and_3(capsys, error, sentence):
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert (ended.value.code, capsys.readouterr().err) == (3, f"error: {sentence}\n")


PRINTS = r"""
from langseg.pipelines.shared.console import run
from langseg.pipelines.shared.json_output import emit_json
from langseg.pipelines.shared.table_output import emit_table
text = "caf\u00e9 \u8857\u706f \U0001f600"
def app():
    emit_json({"name": text})
    emit_table(("name",), [(text,)], title=text)
    print(text)
run(app)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "cafe"), [("utf-8", "caf\u00e9"), ("cp1252", "caf\u00e9"), ("ascii", r"caf\u00e9")]
)
def test_stdout__escapes_what_it_cannot_encode_and_json_stays_json(encoding: str, cafe: str):
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    first, *_, last = done.stdout.decode(encoding).splitlines()
    assert json.loads(first) == {"name": "caf\u00e9 \u8857\u706f \U0001f600"}
    assert last.startswith(cafe)
    assert (r"\u8857\u706f \ud83d\ude00" in last) == (encoding != "utf-8")


def test_stdout__gives_a_path_that_is_no_text_back_as_it_is():
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, "utf-8")
    before, sys.stdout = sys.stdout, stdout
    try:
        run(lambda: print("caf\udce9"))
    finally:
        sys.stdout = before
    assert raw.getvalue() == b"caf\xe9\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rank", "told", "words"),
    [("0", True, "error: no\n"), ("1", False, "rank 1: no\n"), ("1", True, "")],
)
def test_run__of_several_processes_the_first_speaks_and_one_that_failed_alone(rank, told, words):
    program = (
        "from langseg.cache.errors import InputError; from langseg.pipelines.shared.console import "
        f"run, say; from langseg.pipelines.shared.json_output import emit_json; e = InputError('no')"  # noqa: E501
        f"; e.told_by_another = {told}\n"
        "def app(): emit_json(1); raise e\n"
        "run(app)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"WORLD_SIZE": "2", "RANK": rank},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (3, words)
    assert ended.stdout == ("1\n" if rank == "0" else "")
