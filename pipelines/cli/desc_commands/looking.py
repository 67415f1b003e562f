"""The commands that answer what a store holds, and what it is worth. They change nothing."""

from langseg.cache.errors import UsageError
from langseg.pipelines.cli.options import settings_options
from langseg.pipelines.desc.audit import AuditConfig
from langseg.pipelines.desc.show import ShowConfig
from langseg.pipelines.desc.sql import Format, SqlConfig
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json
from langseg.pipelines.shared.picture_report import (
    PICTURE_COLUMNS,
    PictureReport,
    picture_rows,
    write_phrases,
)
from langseg.pipelines.shared.table_output import emit_table


@settings_options(AuditConfig)
def audit(settings: AuditConfig, as_json: bool) -> None:
    """Assess the descriptors: coverage, faults, discriminability, spend, who wrote them.

    Without --dataset and --classes everything in the store is counted; with one of them its
    phrases are flagged, too, and measured by how often they find their class, by its name and
    synonyms, among look-alikes; what they add to the names; and every other set of these classes
    that the store has (other models, `import`), over the classes that both describe.

    Labelled pictures judge each phrase, in seconds once their features are kept: the classes are
    hidden a quarter at a time, the map from pictures to words is fitted to the others, and a phrase
    should lie nearer to hidden regions of its class than to others. One that reliably does not
    misleads. Examples:

    \b
        langseg-desc audit
        langseg-desc audit --dataset ade20k
        langseg-desc audit --classes c.txt --images photos --labels masks --phrases p.parquet
        langseg-desc audit --dataset msrc --data MSRC --phrases p.parquet
        langseg-desc audit --dataset ade20k --html report.html
        langseg-desc audit --dataset ade20k --model import:cupl
        langseg-desc audit --question duplicates
    """
    from langseg.cache.files import make_folder
    from langseg.pipelines.desc.audit import run_audit
    from langseg.pipelines.desc.standing_questions import questions
    from langseg.pipelines.pages.audit_tables import quality_tables
    from langseg.pipelines.shared.output_file import check_file

    if settings.list:
        listed = questions()
        if as_json:
            named = [{"name": name, "question": meaning} for name, meaning in listed]
            emit_json({"questions": named})
        else:
            emit_table(("name", "question"), listed)
        return
    html, rows = settings.html, settings.rows
    if html is not None:
        check_file(html, "--html", "audit.html")
        make_folder(html.parent)
    judged = _by_pictures(settings) if settings.by_pictures else None
    report = run_audit(settings, settings.question, html, short=not as_json, by_pictures=judged)
    if as_json:
        emit_json(report)
        return
    if html is not None:
        if judged is not None:
            say(judged.sentence)
        say(report.sentence)
        print(html)
        return
    for answer in report.answers:
        more = len(answer.rows) - rows
        emit_table(answer.columns, answer.rows[:rows], title=answer.question)
        if more > 0:
            say(f"... and {more} more rows: langseg-desc sql 'from {answer.name}'")
    if report.quality is not None:
        for title, columns, lines in quality_tables(report.quality, rows):
            emit_table(columns, lines, title=title)
    if report.by_pictures is not None:
        title = "Which phrases do pictures speak against most?"
        emit_table(PICTURE_COLUMNS, picture_rows(report.by_pictures, rows), title=title)
        say(report.by_pictures.sentence)
    say(report.sentence)


def _by_pictures(settings: AuditConfig) -> PictureReport:
    from langseg.pipelines.desc.bank import bank_to_judge
    from langseg.pipelines.seg.judge_phrases import run_judge_phrases
    from langseg.pipelines.seg.settings import RunSettings, run_settings
    from langseg.pipelines.shared.output_file import check_file
    from langseg.pipelines.shared.progress import progress

    if settings.phrases is not None:
        check_file(settings.phrases, "--phrases", "phrases.parquet")
    names = ("classes", "images", "labels", "data")
    flags = {name: value for name in names if (value := getattr(settings, name)) is not None}
    if settings.classes is None:
        flags["dataset"] = settings.shipped
    bank = bank_to_judge(settings)
    config = settings.train_config or (None if settings.images is None else "msrc")
    with progress("audit") as advance:
        report = run_judge_phrases(run_settings(RunSettings, config, flags, ()), bank, advance)
    if settings.phrases is not None:
        write_phrases(settings.phrases, report)
    return report


@settings_options(ShowConfig)
def show(settings: ShowConfig, as_json: bool) -> None:
    """Print everything the store knows about one class.

    What was asked, what was answered and what it cost, phrases kept, and phrases dropped and why.

    Example:

    \b
        langseg-desc show wall
    """
    from langseg.pipelines.desc.show import run_show, show_tables

    report = run_show(settings.store, settings.class_name)
    if as_json:
        emit_json(report)
        return
    for title, columns, rows in show_tables(report):
        emit_table(columns, rows, title=title)
    say(report.sentence)


@settings_options(SqlConfig)
def sql(settings: SqlConfig, as_json: bool) -> None:
    """Run one SELECT over the store, in a locked in-memory DuckDB.

    Tables: requests, responses, descriptors, texts, classes, embeddings; views: phrases, coverage,
    counts, duplicates, rejections, provenance, encoders, slots, places, cut, unusable, spend.
    Only rows of the live snapshot; with --results also the table results, of a comparison of arms:
    arm, seed, bank, split, class_name, unseen, protocol, pixels, said, correct.
    DuckDB's own position is that SQL is executable code: run your own statements only.
    In a CSV, a text that a spreadsheet would run as a formula gets a ' before it. A cell of more
    than a million characters (of a table: 10,000) is cut and ends in "... truncated".

    Examples:

    \b
        langseg-desc sql "select slot, text from phrases where class_name = 'wall'"
        langseg-desc sql --format json --out wall.json "from phrases where class_name = 'wall'"
        langseg-desc sql --format parquet --out phrases.parquet --max-rows 100000 "from phrases"
        langseg-desc sql --results runs/compare "select arm, sum(correct) from results group by arm"
    """
    from langseg.cache.sql.limits import QueryLimits
    from langseg.pipelines.desc.sql import run_sql

    if as_json and settings.format not in (Format.TABLE, Format.JSON):
        raise UsageError(f"sql: wanted --json or --format {settings.format}, got both")
    limits = QueryLimits(
        max_rows=settings.max_rows, time_s=settings.time_limit, memory_mb=settings.memory_limit
    )
    form = Format.JSON if as_json else settings.format
    for note in run_sql(settings, form, limits):
        say(note)
