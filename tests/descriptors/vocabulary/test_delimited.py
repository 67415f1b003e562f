"""A table means the same whichever mark, spreadsheet or program wrote it."""

import pytest

from langseg.descriptors.vocabulary.delimited import read_table, whole_number


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('id,name\n1,"cone, red"\n', ","),
        ("id;name\n1;cone, red\n", ";"),
        ("id\tname\n1\tcone, red\n", "\t"),
        ("id|name\n1|cone, red\n", "|"),
        ("sep=;\nid;name\n1;cone, red\n", ";"),
        ('id,name,,\n1,"cone, red",,\n,,,\n', ","),
    ],
)
def test_table__is_the_same_with_every_mark(text, mark):
    found = read_table(text)
    line = 3 if text.startswith("sep") else 2
    assert found.rows == ((line - 1, ["id", "name"]), (line, ["1", "cone, red"]))
    assert found.mark == mark


def test_cells_under_no_header__are_kept():
    assert read_table("name,\nwall,x\n").rows == ((1, ["name", ""]), (2, ["wall", "x"]))


def test_open_quote__is_told_with_its_line():
    with pytest.raises(ValueError, match="line 3"):
        read_table('sep=,\nname\n"wall')


def test_whole_number__is_read_as_spreadsheets_write_it():
    cells = ["1", " 2 ", "3.0", "4,00", 5.0, "1.5", "wall", ""]
    assert [whole_number(cell) for cell in cells] == [1, 2, 3, 4, 5, "1.5", "wall", ""]
