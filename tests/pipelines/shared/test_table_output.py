"""What a table shows a person cannot act: no control characters, no markup; and nothing is cut."""

from langseg.pipelines.shared.table_output import emit_table

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b[0m \u202egnp.exe [bold]markup[/bold]\x00\nnext"


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
