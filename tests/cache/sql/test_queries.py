"""The audit answers questions about the store and lets SQL reach nothing else."""

import random
import resource
import shutil
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from langseg.cache.errors import InputError, Remedy
from langseg.cache.records import (
    TABLES,
    Descriptor,
    Request,
    Response,
    Text,
    VocabularyClass,
    embedding_schema,
    to_table,
)
from langseg.cache.sql.limits import CUT, QueryLimits
from langseg.cache.sql.queries import (
    AUDIT_QUESTIONS,
    ask,
    needs_vectors,
    open_audit,
    select,
    select_table,
)
from langseg.cache.sql.views import QUESTIONS, question_sql, question_views, views_sql, written_for


def request(key: str, name: str, scene: str = "*") -> Request:
    return Request(
        request_key=key, class_name=name, sense=f"{name} sense", scene=scene, sample_index=0,
        model="m", prompt_id="p@1", params_json="{}", messages_json="[]", schema_json="{}",
    )  # fmt: skip


def response(key: str, status: str = "ok", cost: float | None = 0.0) -> Response:
    return Response(
        request_key=key, attempt=1, status=status, raw_text="{}", finish_reason="stop",
        provider="bundled", dialect="", served_model="m", system_fingerprint="", prompt_tokens=10,
        completion_tokens=5, cached_tokens=None, cost_usd=cost, latency_s=0.1,
        created_at="2026-11-21T00:00:00Z", error="", run_id="r",
    )  # fmt: skip


def phrase(key: str, name: str, text: str, rejected: str = "", slot: str = "shape") -> Descriptor:
    return Descriptor(
        descriptor_id=f"{key}-{text}", request_key=key, text_id=text, class_name=name, scene="*",
        subclass="", slot=slot, rank=0, rejected=rejected, parser_version=1,
    )  # fmt: skip


def meant(vocabulary: str, name: str, sense: str = "") -> VocabularyClass:
    return VocabularyClass(vocabulary=vocabulary, class_name=name, sense=sense or f"{name} sense")


@pytest.fixture
def tables() -> dict[str, pa.Table]:
    rows: dict[str, list[Any]] = {
        "requests": [request("a", "wall"), request("b", "sky"), request("c", "sea")],
        "responses": [response("a"), response("b", cost=None), response("c", "refused")],
        "descriptors": [
            phrase("a", "wall", "flat"), phrase("a", "wall", "shared"),
            phrase("a", "wall", "a wall", rejected="names_class"), phrase("b", "sky", "shared"),
        ],
        "texts": [Text(text_id=t, text=t, n_chars=len(t)) for t in ("flat", "shared", "a wall")],
        "classes": [meant("zoo", "sky"), meant("zoo", "wall"), meant("home", "wall")],
    }  # fmt: skip
    made = {name: to_table(TABLES[name], rows[name]) for name in TABLES}
    vectors = {
        "text_id": ["flat"],
        "emb": pa.array([[1.0, 0.0]], pa.list_(pa.float32())),
        "n_tokens": [3],
        "truncated": [False],
        "encoder": ["tiny"],
    }
    return {**made, "embeddings": pa.table(vectors)}


def rows(tables: dict[str, pa.Table], question: str) -> list[dict[str, object]]:
    answer = ask(open_audit(tables), question)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_coverage__counts_kept_and_dropped_phrases_and_names_the_unanswered(tables):
    found = {row["class_name"]: row for row in rows(tables, "coverage")}
    assert (found["wall"]["descriptors"], found["wall"]["dropped"]) == (2, 1)
    assert (found["sea"]["descriptors"], found["sea"]["unanswered"]) == (0, 1)


def test_phrases_and_coverage__name_the_vocabularies_that_mean_the_class(tables):
    names = {"wall": "home, zoo", "sky": "zoo", "sea": ""}  # "" where nobody said so
    assert {r["class_name"]: r["vocabularies"] for r in rows(tables, "coverage")} == names
    answer = ask(open_audit(tables), "phrases")
    shown = {row[answer.columns.index("class_name")]: row for row in answer.rows}
    assert len(answer.rows) == 3  # a class of two vocabularies is there once
    for name in ("wall", "sky"):
        assert names[name] in shown[name]


def test_duplicates__shows_a_phrase_that_tells_no_two_classes_apart(tables):
    assert rows(tables, "duplicates") == [
        {"text": "shared", "classes": 2, "class_names": "sky, wall"}
    ]


def test_rejections__keeps_the_reason_and_an_example(tables):
    assert rows(tables, "rejections") == [
        {"reason": "names_class", "phrases": 1, "example": "a wall"}
    ]


def test_provenance__never_counts_an_unknown_price_as_zero(tables):
    (found,) = rows(tables, "provenance")
    assert (found["accepted"], found["unusable"], found["unpriced"]) == (2, 1, 1)
    assert found["prompt_tokens"] == 30


def test_encoders__counts_the_kept_phrases_that_are_not_embedded(tables):
    (found,) = rows(tables, "encoders")
    assert (found["encoder"], found["texts"], found["missing"]) == ("tiny", 1, 1)


def test_questions__all_answer_on_an_empty_store():
    empty = {name: to_table(kind, []) for name, kind in TABLES.items()}
    bare = embedding_schema(2).empty_table().drop_columns("emb")
    vectors = bare.append_column("encoder", pa.array([], pa.string()))
    connection = open_audit({**empty, "embeddings": vectors})
    for question in AUDIT_QUESTIONS:
        assert ask(connection, question).rows == ()


@pytest.mark.parametrize("question", QUESTIONS)
def test_question__opens_with_the_question_as_a_comment(question):
    assert question_sql(question).startswith("-- ")
    assert "?" in question_sql(question)


@pytest.mark.slow
def test_views_sql__gives_anyones_duckdb_the_same_answers(tables, tmp_path: Path):
    files: dict[str, list[str]] = {}
    for name, table in tables.items():
        folder = tmp_path / (f"{name}/encoder=tiny" if name == "embeddings" else name)
        folder.mkdir(parents=True)
        rows = table.drop_columns("encoder") if name == "embeddings" else table
        pq.write_table(rows, folder / "part-0.parquet")
        files[name] = [str((folder / "part-0.parquet").relative_to(tmp_path))]
    ours = open_audit(tables)
    theirs = duckdb.connect()
    theirs.execute(views_sql(files, tmp_path)).fetchall()
    for question in QUESTIONS:
        assert tuple(theirs.execute(f"from {question}").fetchall()) == ask(ours, question).rows


def tied_tables() -> dict[str, pa.Table]:
    """Rows that differ in their keys and in little else, so that most orders leave ties."""
    slots = {"wall": ("shape", "colour"), "sky": ("shape", "colour"), "sea": ("size", "part")}
    scenes, reasons = ("*", "kitchen", "street"), ("", "", "names_class", "too_long")
    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    for name, model, number in product(slots, ("m", "n"), range(6)):
        key = f"{name}-{model}-{number}"
        sense = f"{name} {number % 2}"
        rows["requests"].append(replace(request(key, name), model=model, sense=sense))
        for run, provider in product(("r", "s"), ("bundled", "openai")[number % 2 :]):
            answer = response(key, ("ok", "refused")[number // 3])
            rows["responses"].append(
                replace(answer, run_id=run, provider=provider, served_model=model)
            )
        for text in (f"t{n}" for n in range(8)):
            descriptor = phrase(key, name, text, reasons[number % 4], slot=slots[name][number % 2])
            rows["descriptors"].append(replace(descriptor, scene=scenes[number % 3]))
    rows["texts"] = [Text(text_id=f"t{n}", text=f"t{n}", n_chars=2) for n in range(8)]
    rows["classes"] = [
        meant(vocabulary, name, f"{name} {number}")
        for vocabulary, name, number in product(("zoo", "home", "town"), slots, range(2))
    ]
    vectors = [
        {"text_id": f"t{n}", "n_tokens": 3, "truncated": True, "encoder": encoder}
        for encoder, n in product(("tiny", "wide"), range(8))
    ]
    made = {name: to_table(TABLES[name], rows[name]) for name in TABLES}
    return {**made, "embeddings": pa.Table.from_pylist(vectors)}


@pytest.fixture(scope="module")
def shuffled() -> list[duckdb.DuckDBPyConnection]:
    """The same rows, each time as they lie in another order and read by another many threads."""
    connections = []
    for seed, threads in enumerate((1, 4, 1, 4)):
        connection = duckdb.connect(config={"threads": threads})
        connection.execute("set preserve_insertion_order = false").fetchall()
        draw = random.Random(seed)
        for name, table in tied_tables().items():
            rows = table.take(draw.sample(range(table.num_rows), table.num_rows))
            connection.register("incoming", rows)
            connection.execute(f'create table "{name}" as select * from incoming').fetchall()
        for statement in question_views().split(";\n"):
            connection.execute(statement).fetchall()
        connections.append(connection)
    return connections


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_question__has_a_total_order(shuffled, question):
    answers = {ask(connection, question).rows for connection in shuffled}
    (rows,) = answers
    assert len(rows) > 1


@pytest.fixture
def stored(tables, tmp_path: Path) -> Path:
    """A store's texts and embeddings in a folder that is hostile to SQL, globs and hive paths."""
    root = tmp_path / "it's a, [1]*? store; text_id=5\nn_chars=x" / "store"
    texts, embeddings = root / "texts/part-0.parquet", root / "embeddings/encoder=tiny/p.parquet"
    for path, name in ((texts, "texts"), (embeddings, "embeddings")):
        path.parent.mkdir(parents=True)
        rows = tables[name].select([c for c in tables[name].column_names if c != "encoder"])
        pq.write_table(rows, path)
    files = {"texts": ["texts/part-0.parquet"], "embeddings": ["embeddings/encoder=tiny/p.parquet"]}
    (root / "views.sql").write_text(views_sql(files, root))
    return root


def in_a_plain_duckdb(root: Path, first: str = "select 1") -> list[Any]:
    shell = duckdb.connect()
    shell.execute(first).fetchall()
    shell.execute((root / "views.sql").read_text()).fetchall()
    asked = shell.execute("select count(*), any_value(encoder) from texts, embeddings").fetchall()
    columns = shell.execute("from embeddings").description
    return [*asked, [column[0] for column in columns or ()]]


FOUND = [(3, "tiny"), ["text_id", "emb", "n_tokens", "truncated", "encoder"]]


def test_views_sql__finds_its_files_from_any_folder(stored, tmp_path, monkeypatch):
    for folder in ("/", tmp_path, stored):
        monkeypatch.chdir(folder)
        assert in_a_plain_duckdb(stored) == FOUND


def test_views_sql__of_a_moved_store_works_in_it_and_elsewhere_says_what_to_do(
    stored, tmp_path, monkeypatch
):
    moved = stored.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    assert in_a_plain_duckdb(moved) == FOUND
    monkeypatch.chdir("/")
    with pytest.raises(duckdb.Error, match=r"wanted the store in .*\n?.*set file_search_path"):
        in_a_plain_duckdb(moved)
    assert in_a_plain_duckdb(moved, f"set file_search_path = '{moved}'") == FOUND


def test_views_sql__of_a_copied_store_reads_the_copy_within_it(stored, tmp_path, monkeypatch):
    copy = shutil.copytree(stored, tmp_path / "copy")
    (part,) = stored.glob("texts/*.parquet")
    part.write_bytes(b"the original's, which nobody is to read")
    monkeypatch.chdir(copy)
    assert in_a_plain_duckdb(copy) == FOUND
    monkeypatch.chdir("/")
    with pytest.raises(duckdb.Error):
        in_a_plain_duckdb(copy)
    assert in_a_plain_duckdb(copy, f"set file_search_path = '{copy}'") == FOUND


def test_views_sql__says_what_place_it_was_written_for(stored):
    assert written_for((stored / "views.sql").read_text()) == str(stored.resolve())
    assert written_for(views_sql({}, stored)) is None


def test_views_sql__of_a_folder_that_is_no_text_works_in_it():
    written = views_sql({"texts": ["texts/part-0.parquet"]}, Path("/bad-\udcff"))
    assert "bad" not in written.encode().decode()


def test_views_sql__of_an_empty_store_still_answers():
    connection = duckdb.connect()
    connection.execute(views_sql({}, Path("none"))).fetchall()
    assert connection.execute("from coverage").fetchall() == []


def test_select__finds_near_phrases_by_their_vectors(tables):
    found = select(
        open_audit(tables), "select text_id, list_cosine_similarity(emb, [1, 0]) from embeddings"
    )
    assert found.rows == (("flat", 1.0),)


def test_select__says_when_rows_were_left_out(tables):
    answer = select(open_audit(tables), "select * from range(11)", QueryLimits(max_rows=10))
    assert (len(answer.rows), answer.truncated) == (10, True)


REFUSED = [
    "select 1; select 2", "", "selec 1", "explain", "explain explain select 1",
    "drop table texts", "create table mine (i int)", "create macro one() as 1",
    "insert into texts select * from texts", "update texts set text = ''", "delete from texts",
    "merge into texts using texts t on true when matched then delete",
    "alter table texts rename to mine", "truncate texts", "vacuum", "begin", "checkpoint",
    "with new as (insert into texts values ('x', 'x', 1) returning 1) from new",
    "explain analyze with new as (insert into texts values ('x', 'x', 1) returning 1) from new",
    "copy texts to 'OUT'", "copy (select 1) to 'OUT'", "explain analyze copy texts to 'OUT'",
    "explain (analyze) copy texts to 'OUT'", "export database 'OUT'", "import database 'OUT'",
    "from query('copy texts to ''OUT'' ')", "attach 'OUT'", "attach 'OUT' as other",
    "set threads = 1", "set enable_external_access = true", "set variable mine = 1", "use memory",
    "reset threads", "reset lock_configuration", "pragma version", "call pragma_version()",
    "install vss", "load vss", "prepare mine as select 1", "create secret (type s3)",
    "select * from read_text('SECRET')", "select * from read_csv('SECRET')",
    "select * from read_blob('SECRET')", "select * from read_json('SECRET')",
    "select * from sniff_csv('SECRET')", "select * from glob('/*')", "select * from 'SECRET'",
    "select * from read_parquet('PART')", "select * from read_parquet('STORE/../store/texts/*')",
    "select * from parquet_metadata('PART')", "select * from 'PART'",
    "select * from tables", "select * from statement", "select getenv('HOME')",
    "select * from duckdb_secrets()",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("run", [select, select_table])
@pytest.mark.parametrize("statement", REFUSED)
def test_select__refuses_everything_but_one_select_over_the_store(
    tables, tmp_path, monkeypatch, statement, run
):
    """What it could read is there, and what it could write, nobody wrote."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store/texts").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret\n")
    part = tmp_path / "store/texts/part-0.parquet"
    pq.write_table(tables["texts"], part)
    places = {"OUT": "store/out", "SECRET": "secret", "PART": str(part), "STORE": "store"}
    for name, place in places.items():
        statement = statement.replace(name, place)
    connection = open_audit(tables)
    with pytest.raises(InputError, match="sql: "):
        run(connection, statement)
    files = {path.name for path in tmp_path.rglob("*")}
    assert files == {"secret", "store", "texts", "part-0.parquet"}
    assert len(select(connection, "from texts").rows) == 3


@pytest.mark.parametrize("how", ["", " analyze", " (format json)"])
def test_select__explains_a_select_a_line_a_row(tables, how):
    answer = select(open_audit(tables), f"EXPLAIN{how} select max(n_chars) from texts")
    assert answer.columns == ("plan",)
    assert len(answer.rows) > 3
    assert any("texts" in row[0] for row in answer.rows)


@pytest.mark.slow
@pytest.mark.parametrize("run", [select, select_table])
@pytest.mark.parametrize(
    "forever",
    [
        "with recursive t(i) as (select 1 union all select i + 1 from t) select max(i) from t",
        "select max(hash(a.range, b.range)) from range(1000000) a, range(1000000) b",
    ],
)
def test_select__stops_at_the_time_limit(tables, run, forever):
    connection = open_audit(tables)
    with pytest.raises(InputError, match="stopped after 0.2 s") as caught:
        run(connection, forever, QueryLimits(time_s=0.2))
    assert caught.value.remedy is Remedy.MORE_TIME
    assert run(connection, "select 1", QueryLimits(time_s=60))  # the next one is not stopped


@pytest.mark.slow
@pytest.mark.parametrize("run", [select, select_table])
@pytest.mark.parametrize(
    "greedy",
    ["select list(range) from range(50000000)", "from range(200000000) order by hash(range)"],
)
def test_select__stops_at_the_memory_limit_and_spills_nothing(
    tables, tmp_path, monkeypatch, run, greedy
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="Out of Memory"):
        run(open_audit(tables, memory_limit_mb=64), greedy)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_open_audit__says_which_table_is_too_large(tables):
    texts = [Text(text_id=f"{n:064d}", text=f"{n}" * 100, n_chars=0) for n in range(30_000)]
    with pytest.raises(InputError, match=r"texts: wanted .* MB .* got 2 MB ") as caught:
        open_audit({**tables, "texts": to_table(Text, texts)}, memory_limit_mb=2)
    assert caught.value.remedy is Remedy.ROOM_FOR_TABLES


def test_select_table__says_when_rows_were_left_out_and_keeps_types(tables):
    connection = open_audit(tables)
    question = "select range::smallint as n from range(5000)"
    found = select_table(connection, question, QueryLimits(max_rows=10))
    assert (found.table.num_rows, found.truncated) == (10, True)
    assert str(found.table.schema.field("n").type) == "int16"
    found = select_table(connection, "from range(10)", QueryLimits(max_rows=10))
    assert (found.table.num_rows, found.truncated) == (10, False)


@pytest.mark.parametrize("rows", [64, 128, 1000])
def test_select_table__that_ends_with_a_batch_knows_whether_more_was_there(tables, rows):
    connection = open_audit(tables)
    for there, truncated in ((rows, False), (rows + 1, True)):
        found = select_table(connection, f"from range({there})", QueryLimits(max_rows=rows))
        assert (found.table.num_rows, found.truncated) == (rows, truncated)
        answer = select(connection, f"from range({there})", QueryLimits(max_rows=rows))
        assert (len(answer.rows), answer.truncated) == (rows, truncated)


@pytest.mark.slow
def test_select__keeps_as_many_rows_as_an_eighth_of_the_memory_holds(tables, monkeypatch):
    """2 MB of 16: twenty rows of 100,000 characters, and a row of more is refused."""
    assert QueryLimits(memory_mb=16).answer_bytes == 2 * 2**20
    # what DuckDB takes for itself may be more than 16 MB: so much for rows, and room for that
    monkeypatch.setattr(QueryLimits, "answer_bytes", 2 * 2**20)
    connection = open_audit(tables)
    many = "select repeat(range::varchar, 100000) from range(2, 30) where range < 10"
    many = f"select left(text, 100000) from ({many.replace('from', 'as text from')}), range(9)"
    answer = select(connection, many)
    assert (len(answer.rows), answer.truncated) == (20, True)
    found = select_table(connection, many)
    assert (found.table.num_rows, found.truncated) == (20, True)
    wide = "select repeat('x', 3000000) as text"
    for run, statement in (
        (select_table, wide),
        (select, f"select text, text, text from ({wide})"),
    ):
        with pytest.raises(InputError, match="got a larger one") as caught:
            run(connection, statement)
        assert caught.value.remedy is Remedy.ROOM_FOR_ROW


@pytest.mark.parametrize("value", ["repeat('x', 20)", "repeat('x', 20)::blob", "range(20)"])
def test_select__cuts_a_long_cell_and_says_so_in_it(tables, value):
    question = f"select {value} as long, 'short', 5"
    answer = select(open_audit(tables), question, QueryLimits(cell_chars=10))
    ((long, *others),) = answer.rows
    assert (len(long), long[10:], others) == (10 + len(CUT), CUT, ["short", 5])
    assert (answer.cut, answer.truncated) == (1, False)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
@pytest.mark.parametrize("run", [select, select_table])
@pytest.mark.parametrize(
    "greedy", ["select repeat('x', 400000000)", "select repeat('x', 1000000) from range(2000)"]
)
def test_select__stops_at_the_memory_that_duckdb_does_not_count(tables, run, greedy):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(InputError, match="Out of Memory") as caught:
        run(open_audit(tables), greedy, QueryLimits(memory_mb=128))
    assert caught.value.remedy is Remedy.MORE_MEMORY
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_open_audit__draws_no_progress_bar(tables):
    shown = "select current_setting('enable_progress_bar')"
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = true").fetchall()
    assert connection.execute(shown).fetchall() == [(True,)]
    assert select(open_audit(tables), shown).rows == ((False,),)


def test_needs_vectors__when_the_statement_names_their_table():
    for statement in ("select emb from EMBEDDINGS", 'from "embeddings"', "describe embeddings"):
        assert needs_vectors(statement)
    assert not needs_vectors("select count(*) from phrases")
