"""`sql` writes what a spreadsheet, a notebook and a plain DuckDB read, and says what is missing."""

import csv
import io
import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.cache.records import TABLES
from langseg.cache.sql.views import QUESTIONS
from langseg.descriptors.exchange.imported_rows import plain_cell
from langseg.pipelines.desc.compact import run_compact
from langseg.pipelines.desc.generate import run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.desc.sql import csv_lines
from langseg.pipelines.shared.result_rows import RESULTS, write_rows
from tests.support.quiet import Quiet

DESC = "langseg-desc"
PLAIN_SHELL = """
import sys, duckdb
shell = duckdb.connect()
shell.execute(open(sys.argv[2]).read()).fetchall()
print(shell.execute(sys.argv[1]).fetchall(), "langseg.cache" in sys.modules)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sql")
    for names in ("wall\nsky\n", "wall\nsky\nbed\n"):
        (folder / "mine.txt").write_text(names)
        run_generate(DescribeConfig(classes=folder / "mine.txt", store=folder / "store"), Quiet())
    return folder / "store"


@pytest.mark.slow
def test_sql__as_csv_is_read_back_cell_by_cell(call, store):
    question = "select text, n_chars, null as nothing from texts order by text_id"
    done = call(DESC, "sql", "--store", store, "--format", "csv", question)
    (header, *rows) = csv.reader(io.StringIO(done.out))
    document = call(DESC, "sql", "--store", store, "--json", question).json
    assert header == document["columns"]
    assert rows == [[text, str(count), ""] for text, count, _ in document["rows"]]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@sum(a)", "=cmd|' /C calc'!A0", " =1", "\t=1", "'=x"]
)
def test_csv__holds_no_text_that_a_spreadsheet_would_run(text):
    rows = list(
        csv.reader(io.StringIO("".join(csv_lines(["a", text, "b"], [[text, -1, Decimal("-1.5")]]))))
    )
    assert rows == [["a", f"'{text}", "b"], [f"'{text}", "-1", "-1.5"]]
    assert plain_cell(rows[0][1]) == text  # as `import` reads it


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
    (row,) = csv.reader(io.StringIO("".join(csv_lines([], [cells])).removeprefix("\n")))
    assert row == ["a[31mbc", "two\nlines", 'say "x"', "01ff", '[1, "é"]', '{"k": null}', "True"]


@pytest.mark.slow
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
    rows = call(DESC, "sql", "--store", store, "--json", question).json["rows"]
    assert [list(row.values()) for row in table.to_pylist()] == rows
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_sql__as_json_or_csv_in_a_file_is_what_stdout_gets(call, store, tmp_path):
    out = tmp_path / "rows"
    for form in ("json", "csv"):
        flags = ("--store", store, "--format", form)
        printed = call(DESC, "sql", *flags, "from phrases")
        done = call(DESC, "sql", *flags, "--out", out, "from phrases")
        assert (done.code, done.out, done.err) == (0, "", "")
        assert out.read_text() == printed.out
        assert len(printed.out) > 1000
    call(DESC, "sql", "--store", store, "--json", "--out", out, "select 1 as a")
    assert json.loads(out.read_text()) == {"columns": ["a"], "rows": [[1]], "truncated": False}


def test_sql__of_no_rows_names_the_columns(call, store):
    done = call(DESC, "sql", "--store", store, "from responses where false")
    assert (done.code, done.err) == (0, "")
    assert done.out.split()[:2] == ["request_key", "attempt"]


@pytest.mark.slow
def test_sql__says_how_many_cells_are_cut(call, store):
    done = call(DESC, "sql", "--store", store, "select repeat('x', 20000), 'y'")
    assert "... truncated" in done.out
    assert "truncated: 1 cells of more than 10,000 characters" in done.err
    done = call(DESC, "sql", "--store", store, "--json", "select repeat('x', 1000001)")
    assert done.json["truncated"] is True
    assert "1,000,000 characters" in done.err
    assert call(DESC, "sql", "--store", store, "--json", "select repeat('x', 20000)").err == ""


def test_embeddings__have_their_vectors_however_they_are_asked_for(call, store):
    for statement in ("from embeddings", "select c from (describe embeddings) as d(c)"):
        done = call(DESC, "sql", "--store", store, "--json", statement).json
        assert "emb" in done["columns"] + [row[0] for row in done["rows"]]


@pytest.mark.slow
def test_sql__of_some_seconds_leaves_stdout_to_the_answer(store):
    """In a process of its own: DuckDB draws past Python's stdout."""
    slow = "select max(hash(a.range, b.range)) from range(1000000) a, range(1000000) b"
    program = "from langseg.pipelines.cli.desc import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "sql", "--store", store, "--time-limit", "3.5", slow],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_sql__that_takes_long_to_write_stops_in_time_and_writes_nothing(
    call, store, tmp_path, form
):
    """DuckDB makes these rows at once: the time goes into text."""
    where = ("--out", tmp_path / "rows") if form == "parquet" else ()
    flags = ("--store", store, "--format", form, "--max-rows", "9000000", "--time-limit", "0.1")
    started = time.monotonic()
    done = call(DESC, "sql", *flags, *where, "select repeat('x', 900), range from range(9000000)")
    assert (done.code, done.out) == (3, "")
    assert "stopped after 0.1 s" in done.err
    assert time.monotonic() - started < 60
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
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
    assert out.read_bytes() == b"an old file"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
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
        (("--out", "rows.txt"), "csv, json or parquet"),
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


@pytest.mark.slow
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
    assert done.err == (
        "error: sql: stopped after 0.2 s; narrow the question or raise --time-limit\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "parquet"])
@pytest.mark.parametrize(
    "statement",
    [
        "select repeat('x', 3000000000)",
        "select list(range) from range(1000000000)",
        "from range(200000000) order by hash(range)",
    ],
)
def test_sql__that_needs_more_memory_says_which_flag_gives_it(
    call, store, tmp_path, form, statement
):
    where = ("--out", tmp_path / "rows") if form == "parquet" else ()
    flags = ("--store", store, "--memory-limit", "64", "--format", form, *where)
    done = call(DESC, "sql", *flags, statement)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "error: sql: Out of Memory: wanted at most 64 MB, got a statement or an answer that needs "
        "more; narrow the question or raise --memory-limit\n"
    )


def test_sql__names_every_table_and_view_in_its_help(call):
    listed = " ".join(call(DESC, "sql", "--help").out.split())
    assert f"Tables: {', '.join(TABLES)}, embeddings; views: {', '.join(QUESTIONS)}." in listed


@pytest.mark.slow
def test_views_sql__answers_in_a_plain_duckdb_before_and_after_compact(call, store):
    question = "select class_name, count(*) from phrases group by all order by all"
    wanted = [
        tuple(row) for row in call(DESC, "sql", "--store", store, "--json", question).json["rows"]
    ]
    assert len(wanted) == 3
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PLAIN_SHELL, question, store / "views.sql"],
            cwd="/", capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == f"{wanted} False"
        run_compact(store)


def compared(folder: Path, count: int = 1) -> Path:
    """The folder of a comparison in which of ``wall`` 3 of 4 pixels were right, of ``moon`` 1."""
    rows = [
        {
            "arm": "real", "seed": None, "bank": "a", "split": 0, "class_name": name,
            "unseen": True, "protocol": "among", "pixels": 4, "said": 5, "correct": correct,
        }
        for name, correct in (("wall", 3), ("moon", 1))
        for _ in range(count)
    ]  # fmt: skip
    folder.mkdir()
    write_rows(RESULTS, folder, pa.Table.from_pylist(rows, RESULTS.schema))
    return folder


def test_sql__joins_the_results_of_a_comparison_with_phrases(call, store, tmp_path):
    question = (
        "select class_name, avg(correct / pixels), count(distinct text) > 1 from results "
        "join phrases using (class_name) where unseen group by class_name"
    )
    flags = ("sql", "--store", store, "--results", compared(tmp_path / "runs"), "--json")
    assert call(DESC, *flags, question).json["rows"] == [["wall", 0.75, True]]
    done = call(DESC, "sql", "--store", store, question)
    assert (done.code, "results does not exist" in done.err) == (3, True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds memory")
def test_sql__bounds_the_memory_of_results(call, store, tmp_path):
    folder = compared(tmp_path / "runs", 1_000_000)
    assert (folder / RESULTS.file).stat().st_size < 1_000_000
    flags = ("--store", store, "--results", folder)
    done = call(DESC, "sql", *flags, "--memory-limit", "32", "select 1")
    assert (done.code, done.err.count("--memory-limit")) == (3, 1)
    (folder / RESULTS.file).write_bytes(b"PAR1")
    assert call(DESC, "sql", *flags, "select 1").code == 4
    assert call(DESC, "sql", "--store", store, "--results", store, "select 1").code == 3
