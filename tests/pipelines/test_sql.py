"""`sql` writes what a spreadsheet, a notebook and a plain DuckDB read, and says what is missing."""

import csv
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.pipelines.config import DescribeConfig
from langseg.pipelines.describe import run_generate
from langseg.pipelines.formats import csv_text
from langseg.pipelines.upkeep import run_compact
from tests.pipelines.quiet import Quiet

DESC = "langseg-desc"
PLAIN_SHELL = """
import sys, duckdb
shell = duckdb.connect()
shell.execute(open("views.sql").read()).fetchall()
print(shell.execute(sys.argv[1]).fetchall(), "langseg.cache" in sys.modules)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sql")
    for names in ("wall\nsky\n", "wall\nsky\nbed\n"):
        (folder / "mine.txt").write_text(names)
        run_generate(DescribeConfig(classes=folder / "mine.txt", store=folder / "store"), Quiet())
    return folder / "store"


def test_sql__as_csv_is_read_back_cell_by_cell(call, store):
    question = "select text, n_chars, null as nothing from texts order by text_id"
    done = call(DESC, "sql", "--store", store, "--format", "csv", question)
    (header, *rows) = csv.reader(io.StringIO(done.out))
    said = call(DESC, "sql", "--store", store, "--json", question).json
    assert header == said["columns"]
    assert rows == [[text, str(count), ""] for text, count, _ in said["rows"]]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum(a)", "=cmd|' /C calc'!A0", " =1", "\t=1"]
)
def test_csv__holds_no_text_that_a_spreadsheet_would_run(text):
    rows = list(csv.reader(io.StringIO(csv_text(["a", text, "b"], [[text, -1, Decimal("-1.5")]]))))
    assert rows == [["a", f"'{text}", "b"], [f"'{text}", "-1", "-1.5"]]


def test_csv__holds_no_control_character_and_keeps_lines_and_values():
    cells = [
        "a\x1b[31mb\u202ec\x00",
        "two\nlines",
        'say "x"',
        b"\x01\xff",
        [1, "é"],
        {"k": None},
        True,
    ]
    (row,) = csv.reader(io.StringIO(csv_text([], [cells]).removeprefix("\n")))
    assert row == ["a[31mbc", "two\nlines", 'say "x"', "01ff", '[1, "é"]', '{"k": null}', "True"]


def test_sql__as_parquet_keeps_types_and_replaces_the_file_whole(call, store, tmp_path):
    out = tmp_path / "texts.parquet"
    out.write_bytes(b"an old file")
    question = (
        "select text, n_chars, n_chars, [1, 2]::tinyint[] as pair from texts order by text_id"
    )
    flags = ("--store", store, "--format", "parquet", "--out", out)
    done = call(DESC, "sql", *flags, question)
    assert (done.code, done.out, done.err) == (0, "", "")
    table = pq.read_table(out)
    assert table.column_names == ["text", "n_chars", "n_chars_2", "pair"]
    assert table.schema.field("pair").type.value_type == pa.int8()
    said = call(DESC, "sql", "--store", store, "--json", question).json["rows"]
    assert [list(row.values()) for row in table.to_pylist()] == said
    assert list(tmp_path.iterdir()) == [out]


def test_sql__that_fails_leaves_the_old_file(call, store, tmp_path):
    out = tmp_path / "old.parquet"
    out.write_bytes(b"an old file")
    flags = ("--store", store, "--format", "parquet", "--out", out)
    refused = {
        "select error('no')": "no",
        "select interval 1 month as i": "cast",
        "drop table texts": "",
    }
    for statement, word in refused.items():
        done = call(DESC, "sql", *flags, statement)
        assert (done.code, done.out) == (3, "")
        assert word in done.err
    assert call(DESC, "sql", *flags[:-1], tmp_path / "no/where.csv", "from texts").code == 3
    assert out.read_bytes() == b"an old file"
    assert list(tmp_path.iterdir()) == [out]


def test_sql__says_truncated_in_every_format(call, store, tmp_path):
    flags = ("--store", store, "--max-rows", "7")
    for form in ("table", "json", "csv", "parquet"):
        where = ("--out", tmp_path / "rows") if form == "parquet" else ()
        done = call(DESC, "sql", *flags, "--format", form, *where, "from range(8)")
        assert done.code == 0
        assert "truncated: only the first 7 rows" in done.err
        whole = call(DESC, "sql", *flags, "--format", form, *where, "from range(7)")
        assert "truncated" not in whole.err
    assert call(DESC, "sql", *flags, "--json", "from range(8)").json["truncated"] is True
    assert call(DESC, "sql", *flags, "--json", "from range(7)").json["truncated"] is False
    assert pq.read_table(tmp_path / "rows").num_rows == 7


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--format", "parquet"), "--out FILE"),
        (("--out", "rows.txt"), "csv or parquet"),
        (("--json", "--format", "csv"), "got both"),
        (("--format", "xlsx"), "--format"),
        (("--memory-limit", "1"), "--memory-limit"),
    ],
)
def test_sql__refuses_flags_that_cannot_be_meant(call, store, flags, word):
    done = call(DESC, "sql", "--store", store, *flags, "from texts")
    assert done.code == 2
    assert word in done.err


def test_sql__explains_a_question(call, store):
    done = call(DESC, "sql", "--store", store, "explain analyze select * from phrases")
    assert done.code == 0
    assert "descriptors" in done.out


def test_sql__holds_its_limits(call, store):
    greedy = (
        "sql",
        "--store",
        store,
        "--memory-limit",
        "64",
        "from range(200000000) order by hash(range)",
    )
    forever = "with recursive t(i) as (select 1 union all select i + 1 from t) select max(i) from t"
    done = call(DESC, *greedy)
    assert (done.code, done.out) == (3, "")
    assert "Out of Memory" in done.err
    done = call(DESC, "sql", "--store", store, "--time-limit", "0.2", forever)
    assert (done.code, done.out) == (3, "")
    assert "stopped after 0.2 s" in done.err


def test_views_sql__answers_in_a_plain_duckdb_before_and_after_compact(call, store):
    question = "select class_name, count(*) from phrases group by all order by all"
    wanted = [
        tuple(row) for row in call(DESC, "sql", "--store", store, "--json", question).json["rows"]
    ]
    assert len(wanted) == 3
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PLAIN_SHELL, question],
            cwd=store, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == f"{wanted} False"
        run_compact(store)
