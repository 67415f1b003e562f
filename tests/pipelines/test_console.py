"""What is shown to a person cannot act: no control characters, no markup, no traceback."""

import pytest

from langseg.cache.errors import CorruptError, InputError
from langseg.pipelines.console import emit_json, emit_table, plain, progress, run, say

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
    emit_table(("a", "b"), [("x" * 500, None)])
    assert "x" * 500 in capsys.readouterr().out


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


@pytest.mark.parametrize(("error", "code"), [(InputError("bad row 3"), 3), (CorruptError("x"), 4)])
def test_run__ends_in_one_sentence_and_the_kinds_exit_code(capsys, error, code):
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(app)
    assert ended.value.code == code
    assert capsys.readouterr().err == f"error: {error}\n"
