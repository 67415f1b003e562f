"""The commands that answer what a store holds, and what it is worth. They change nothing."""

from pathlib import Path
from typing import Annotated

import typer

from langseg.cache.errors import UsageError
from langseg.descriptors.vocabulary.source import DEFAULT_STORE, EncodedSource
from langseg.pipelines.cli.options import Json, StorePath
from langseg.pipelines.desc.sql import Format
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json
from langseg.pipelines.shared.settings import load_config
from langseg.pipelines.shared.table_output import emit_table


def audit(
    store: StorePath = None,
    dataset: Annotated[
        str | None, typer.Option(help="Assess only what the bank of this dataset would hold.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Assess only what the bank of this class list would hold.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Whose set is assessed; other models' sets are compared with it."),
    ] = "",
    encoder: Annotated[
        str, typer.Option(help="Text encoder that discriminability is measured by.")
    ] = "minilm",
    question: Annotated[
        str, typer.Option(help="Answer only this one; --list names them.", show_default=False)
    ] = "",
    list_all: Annotated[bool, typer.Option("--list", help="List the questions.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the whole audit of one vocabulary as a page. [default: ade20k]"),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows shown of each answer.")] = 8,
    as_json: Json = False,
) -> None:
    """Assess the descriptors: coverage, faults, discriminability, spend, who wrote them.

    Without --dataset and --classes everything in the store is counted; with one of them its
    phrases are flagged, too, and measured by how often they find their class, by its name and
    synonyms, among look-alikes; what they add to the names; and every other set of these classes
    that the store has (other models, `import`), over the classes that both describe. Examples:

    \b
        langseg-desc audit
        langseg-desc audit --dataset ade20k
        langseg-desc audit --dataset ade20k --html report.html
        langseg-desc audit --dataset ade20k --model import:cupl
        langseg-desc audit --question duplicates
    """
    from langseg.cache.files import make_folder
    from langseg.pipelines.desc.audit import run_audit
    from langseg.pipelines.desc.standing_questions import questions
    from langseg.pipelines.pages.audit_tables import quality_tables
    from langseg.pipelines.shared.output_file import check_file

    if list_all:
        listed = questions()
        if as_json:
            named = [{"name": name, "question": meaning} for name, meaning in listed]
            emit_json({"questions": named})
        else:
            emit_table(("name", "question"), listed)
        return
    flags = {"store": store, "dataset": dataset, "classes": classes}
    source = load_config(EncodedSource, None, {**flags, "model": model, "encoder": encoder})
    if html is not None:
        check_file(html, "--html", "audit.html")
        make_folder(html.parent)
    report = run_audit(source, question, html, short=not as_json)
    if as_json:
        emit_json(report)
        return
    if html is not None:
        say(report["sentence"])
        print(html)
        return
    for answer in report["answers"]:
        more = len(answer["rows"]) - rows
        emit_table(answer["columns"], answer["rows"][:rows], title=answer["question"])
        if more > 0:
            say(f"... and {more} more rows: langseg-desc sql 'from {answer['name']}'")
    if "quality" in report:
        for title, columns, lines in quality_tables(report["quality"], rows):
            emit_table(columns, lines, title=title)
    say(report["sentence"])


def show(
    class_name: Annotated[str, typer.Argument(help="A class that was asked about, or a synonym.")],
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Print everything the store knows about one class.

    What was asked, what was answered and what it cost, phrases kept, and phrases dropped and why.

    Example:

    \b
        langseg-desc show wall
    """
    from langseg.pipelines.desc.show import run_show, show_tables

    report = run_show(store or DEFAULT_STORE, class_name)
    if as_json:
        emit_json(report)
        return
    for title, columns, rows in show_tables(report):
        emit_table(columns, rows, title=title)
    say(report["sentence"])


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT, or EXPLAIN and a SELECT.")],
    store: StorePath = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="How the rows are written; parquet needs --out, table has none."
        ),
    ] = Format.TABLE,
    out: Annotated[
        Path | None, typer.Option(help="File for the rows, whole or not there at all.")
    ] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Rows written at most.")] = 1000,
    time_limit: Annotated[
        float,
        typer.Option(min=0.1, max=86_400, help="Seconds a statement and its answer may take."),
    ] = 30.0,
    memory_limit: Annotated[
        int,
        typer.Option(
            min=16,
            max=2**30,  # of MB: more than DuckDB can count
            help="MB that the tables and a statement may take, an answer an eighth of it.",
        ),
    ] = 2048,
    as_json: Json = False,
) -> None:
    """Run one SELECT over the store, in a locked in-memory DuckDB.

    Tables: requests, responses, descriptors, texts, embeddings; views: phrases, coverage,
    counts, duplicates, rejections, provenance, encoders, slots, places, cut, unusable, spend.
    Only rows of the live snapshot.
    DuckDB's own position is that SQL is executable code: run your own statements only.
    In a CSV, a text that a spreadsheet would run as a formula gets a ' before it. A cell of more
    than a million characters (of a table: 10,000) is cut and ends in "... truncated".

    Examples:

    \b
        langseg-desc sql "select slot, text from phrases where class_name = 'wall'"
        langseg-desc sql --format json --out wall.json "from phrases where class_name = 'wall'"
        langseg-desc sql --format parquet --out phrases.parquet --max-rows 100000 "from phrases"
    """
    from langseg.cache.sql.limits import QueryLimits
    from langseg.pipelines.desc.sql import run_sql

    if as_json and form not in (Format.TABLE, Format.JSON):
        raise UsageError(f"sql: wanted --json or --format {form}, got both")
    limits = QueryLimits(max_rows=max_rows, time_s=time_limit, memory_mb=memory_limit)
    form = Format.JSON if as_json else form
    for note in run_sql(store or DEFAULT_STORE, statement, form, out, limits):
        say(note)
