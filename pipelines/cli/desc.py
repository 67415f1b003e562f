"""`langseg-desc`: write, embed, lay out and audit the descriptors of a vocabulary."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from langseg.cache.errors import LangSegError, UsageError
from langseg.descriptors.vocabulary.source import DEFAULT_STORE, EncodedSource
from langseg.pipelines.cli.options import Json, StorePath, Version, settings_options
from langseg.pipelines.desc.exchange import ExportConfig, ImportConfig
from langseg.pipelines.desc.sql import Format
from langseg.pipelines.shared.console import run, say
from langseg.pipelines.shared.json_output import emit_json
from langseg.pipelines.shared.progress import RESUME, progress
from langseg.pipelines.shared.settings import (
    ArmsConfig,
    DescribeConfig,
    ExplainConfig,
    GenerateConfig,
    load_config,
)
from langseg.pipelines.shared.table_output import emit_table

app = typer.Typer(
    help="Stage one, offline: ask an LLM (or the bundled pack) once for visual descriptors of "
    "every class and every plausible (class, scene), check, embed and cache them.",
    epilog="Exit codes: 0 ok, 1 internal, 2 usage, 3 bad input, 4 store or bank corrupt, "
    "5 LLM or network failed (resumable), 6 budget reached (resumable), 7 store locked, "
    "130 interrupted. Example: langseg-desc generate --dataset ade20k",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # markup would swallow every [default: ...]
)


@app.callback()
def _options(version: Version = False) -> None:
    """Options of the command line itself; ``Version`` acts when it is read."""


@app.command()
@settings_options(GenerateConfig)
def generate(settings: GenerateConfig, as_json: bool) -> None:
    """Ask for the descriptors that the store does not hold yet. Run it again to resume.

    Examples:

    \b
        langseg-desc generate --dataset ade20k
        langseg-desc generate --classes my.txt --provider openai --model gpt-5.4-nano --max-cost 2
        langseg-desc generate --classes my.txt --scenes kitchen.txt --provider vllm --model FOLDER
    """
    if settings.dry_run:
        _show_plan(settings, as_json)
        return
    from langseg.pipelines.desc.generate import run_generate
    from langseg.pipelines.shared.generate_progress import generate_progress

    kept = "every answer is in the store, run the same command again to ask only for the rest"
    with generate_progress(kept) as watched:
        try:
            report = run_generate(settings, watched)
        except (LangSegError, KeyboardInterrupt):
            if as_json and watched.report is not None:
                emit_json(asdict(watched.report))
            raise
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
@settings_options(DescribeConfig)
def plan(settings: DescribeConfig, as_json: bool) -> None:
    """Say what `generate` with the same flags would ask, and what it would cost. Asks nothing.

    Example:

    \b
        langseg-desc plan --dataset ade20k --provider openai --model gpt-5.4-nano
    """
    _show_plan(settings, as_json)


def _show_plan(settings: DescribeConfig, as_json: bool) -> None:
    from langseg.pipelines.desc.plan import plan_rows, run_plan

    report = run_plan(settings)
    emit_json(report) if as_json else emit_table(("", "plan"), plan_rows(report))


@app.command("explain-key")
@settings_options(ExplainConfig)
def explain_key(settings: ExplainConfig, as_json: bool) -> None:
    """Print what is in a request's key, and why a planned request is not one that was answered.

    Give the first digits of a stored request's key, or a class with the flags of `generate`.

    Examples:

    \b
        langseg-desc explain-key 3fa29c01
        langseg-desc explain-key wall --provider openai --model gpt-5.4-nano --temperature 0
    """
    from langseg.pipelines.desc.plan import explain_rows, run_explain

    report = run_explain(settings)
    emit_json(report) if as_json else emit_table(("", "key"), explain_rows(report))


@app.command()
@settings_options(EncodedSource)
def encode(settings: EncodedSource, as_json: bool) -> None:
    """Embed the texts that are not embedded yet. Never asks the LLM.

    Example:

    \b
        langseg-desc encode --dataset ade20k
    """
    from langseg.pipelines.desc.encode import run_encode

    with progress("encode", RESUME) as advance:
        report = run_encode(settings, settings.encoder, advance)
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
@settings_options(EncodedSource)
def bank(settings: EncodedSource, as_json: bool) -> None:
    """Lay descriptors and embeddings out as the TextBank that langseg-seg reads.

    Prints the bank's folder. Example:

    \b
        langseg-desc bank --dataset ade20k
    """
    from langseg.pipelines.desc.generate import run_bank

    report = run_bank(settings, settings.encoder)
    if as_json:
        emit_json(report)
        return
    say(report["sentence"])
    print(report["bank"])


@app.command()
@settings_options(ArmsConfig)
def arms(settings: ArmsConfig, as_json: bool) -> None:
    """Make the controls of a bank: the same head trained on other texts shows what these are worth.

    Names, templates, random words, descriptors dealt, swapped or scrambled, wrong scenes, other
    models' sets; of the bank's counts and lengths, and the bank itself. Run it after `generate`.

    Examples:

    \b
        langseg-desc arms --dataset ade20k
        langseg-desc arms --dataset ade20k --seeds 7
    """
    from langseg.pipelines.desc.arms import ARM_COLUMNS, arm_rows, run_arms

    with progress("arms", RESUME) as advance:
        report = run_arms(settings, advance)
    if as_json:
        emit_json(report)
        return
    emit_table(ARM_COLUMNS, arm_rows(report))
    for arm, reason in report["left_out"].items():
        say(f"left out: {arm}, as {reason}")
    say(report["sentence"])


@app.command("import")
@settings_options(ImportConfig)
def import_set(settings: ImportConfig, as_json: bool) -> None:
    """Bring in descriptors of others: CuPL, classify by description, JSON, JSONL, CSV.

    They pass the same checks as a model's, dropped ones are kept with their reason, and they stay
    a set of their own, named by --model: banks take it only where it is asked for, or alone. A
    second import of a name replaces the first.

    A file that cannot be read as what it is stops the import; a row without a class or a phrase is
    left out and named, and stops it only where there are more such rows than others. Examples:

    \b
        langseg-desc import cupl_cifar10.json --classes cifar10.txt
        langseg-desc import cupl_cifar10.json --classes cifar10.txt --as-published
        langseg-desc import phrases.csv --dataset ade20k --model mine
    """
    from langseg.pipelines.desc.exchange import run_import

    report = run_import(settings)
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
@settings_options(ExportConfig)
def export(settings: ExportConfig, as_json: bool) -> None:
    """Write what the bank of a vocabulary would hold, each phrase with the request it is from.

    Examples:

    \b
        langseg-desc export --dataset ade20k --out ade20k.jsonl
        langseg-desc export --dataset ade20k --format hf --out ade20k-descriptors
    """
    from langseg.pipelines.desc.exchange import run_export

    report = run_export(settings)
    if as_json:
        emit_json(report)
        return
    say(report["sentence"])
    print(report["out"])


@app.command()
def audit(
    store: StorePath = None,
    dataset: Annotated[
        str | None, typer.Option(help="Judge only what the bank of this dataset would hold.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Judge only what the bank of this class list would hold.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="Whose set is judged; other models' sets are compared with it."),
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
    """Judge the descriptors: coverage, faults, discriminability, spend, who wrote them.

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
    from langseg.pipelines.desc.audit import questions, run_whole_audit
    from langseg.pipelines.pages.audit_tables import quality_tables
    from langseg.pipelines.shared.output_file import check_file

    if list_all:
        listed = questions()
        shown = {"questions": [{"name": name, "question": asked} for name, asked in listed]}
        emit_json(shown) if as_json else emit_table(("name", "question"), listed)
        return
    flags = {"store": store, "dataset": dataset, "classes": classes}
    source = load_config(EncodedSource, None, {**flags, "model": model, "encoder": encoder})
    if html is not None:
        check_file(html, "--html", "audit.html")
        make_folder(html.parent)
    report = run_whole_audit(source, question, html, short=not as_json)
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
        for title, columns, found in quality_tables(report["quality"], rows):
            emit_table(columns, found, title=title)
    say(report["sentence"])


@app.command()
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
    for title, columns, found in show_tables(report):
        emit_table(columns, found, title=title)
    say(report["sentence"])


@app.command()
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
            min=16, help="MB that the tables and a statement may take, an answer an eighth of it."
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
    from langseg.cache.sql.limits import Limits
    from langseg.pipelines.desc.sql import write_answer

    if as_json and form not in (Format.TABLE, Format.JSON):
        raise UsageError(f"sql: wanted --json or --format {form}, got both")
    limits = Limits(max_rows=max_rows, time_s=time_limit, memory_mb=memory_limit)
    form = Format.JSON if as_json else form
    for note in write_answer(store or DEFAULT_STORE, statement, form, out, limits):
        say(note)


@app.command()
def verify(store: StorePath = None, as_json: Json = False) -> None:
    """Check every file of every snapshot and bank against its checksum, and every reference.

    Exit code 4 when anything is wrong. A note (a journal left by a run that was cut off) is
    nothing wrong. Example:

    \b
        langseg-desc verify --store langseg-store
    """
    from langseg.pipelines.desc.lens import run_verify

    report = run_verify(store or DEFAULT_STORE)
    if as_json:
        emit_json(report)
    for problem in report["problems"]:
        say(f"error: {problem}")
    for note in report["notes"]:
        say(f"note: {note}")
    if report["problems"]:
        many = f"{len(report['problems'])} problem{'s' * (len(report['problems']) > 1)}"
        say(f"{store or DEFAULT_STORE}: {many}; `langseg-desc repair` goes on with what is whole")
        raise typer.Exit(4)
    say(f"{store or DEFAULT_STORE}: intact")


@app.command()
def repair(store: StorePath = None, as_json: Json = False) -> None:
    """Go on with everything in a damaged store that is whole. Asks nobody.

    Damaged files are kept as *.damaged. Of the answers whose descriptors are lost these are made
    again; only what is lost altogether do `generate` and `encode` redo. Exit code 4 when something
    is left that only a person can decide. Example:

    \b
        langseg-desc repair --store langseg-store
    """
    from langseg.pipelines.desc.upkeep import run_repair

    report = run_repair(store or DEFAULT_STORE)
    emit_json(report) if as_json else say(report["sentence"])
    for problem in report["problems"]:
        say(f"error: {problem}")
    if report["problems"]:
        raise typer.Exit(4)


@app.command()
def compact(store: StorePath = None, as_json: Json = False) -> None:
    """Merge the small files that many commits leave. No row changes, and readers go on.

    Example:

    \b
        langseg-desc compact
    """
    from langseg.pipelines.desc.upkeep import run_compact

    report = run_compact(store or DEFAULT_STORE)
    emit_json(report) if as_json else say(report["sentence"])


@app.command()
def gc(
    store: StorePath = None,
    keep: Annotated[int, typer.Option(min=1, help="Newest snapshots to keep.")] = 1,
    keep_hours: Annotated[
        float, typer.Option(min=0.0, help="Keep what was live in these hours; 0 if nobody reads.")
    ] = 1.0,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Remove what `repair` set aside, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only name the files that would go.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove files that no kept snapshot needs: the live one, and those that banks were built from.

    What was live within the last hour stays, too, because a command that reads may hold it.
    Answers in a journal or a batch are never removed. Prints the files. Example:

    \b
        langseg-desc gc --dry-run
    """
    from langseg.pipelines.desc.upkeep import run_gc

    report = run_gc(store or DEFAULT_STORE, keep, keep_hours, damaged, dry_run)
    if as_json:
        emit_json(report)
        return
    for name in report["files"]:
        print(name)
    say(report["sentence"])


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
