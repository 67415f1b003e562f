"""The commands that keep a store whole and small. They ask nobody."""

import typer

from langseg.pipelines.cli.options import settings_options
from langseg.pipelines.desc.gc import GcConfig
from langseg.pipelines.desc.store_config import StoreConfig
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json, emit_report


@settings_options(StoreConfig)
def verify(settings: StoreConfig, as_json: bool) -> None:
    """Check every file of every snapshot and bank against its checksum, and every reference.

    Exit code 4 when anything is wrong. A note (a journal left by a run that was cut off) is
    nothing wrong. Example:

    \b
        langseg-desc verify --store langseg-store
    """
    from langseg.pipelines.desc.verify import run_verify

    report = run_verify(settings.store)
    if as_json:
        emit_json(report)
    for problem in report.problems:
        say(f"error: {problem}")
    for note in report.notes:
        say(f"note: {note}")
    if report.problems:
        many = f"{len(report.problems)} problem{'s' * (len(report.problems) > 1)}"
        say(f"{settings.store}: {many}; `langseg-desc repair` goes on with what is whole")
        raise typer.Exit(4)
    say(f"{settings.store}: intact")


@settings_options(StoreConfig)
def repair(settings: StoreConfig, as_json: bool) -> None:
    """Go on with everything in a damaged store that is whole. Asks nobody.

    Damaged files are kept as *.damaged. Of the answers whose descriptors are lost these are made
    again; only what is lost altogether do `generate` and `encode` redo. Exit code 4 when something
    is left that only a person can decide. Example:

    \b
        langseg-desc repair --store langseg-store
    """
    from langseg.pipelines.desc.repair import run_repair

    report = run_repair(settings.store)
    emit_report(report, as_json)
    for problem in report.problems:
        say(f"error: {problem}")
    if report.problems:
        raise typer.Exit(4)


@settings_options(StoreConfig)
def compact(settings: StoreConfig, as_json: bool) -> None:
    """Merge the small files that many commits leave. No row changes, and readers go on.

    Example:

    \b
        langseg-desc compact
    """
    from langseg.pipelines.desc.compact import run_compact

    report = run_compact(settings.store)
    emit_report(report, as_json)


@settings_options(GcConfig)
def gc(settings: GcConfig, as_json: bool) -> None:
    """Remove files that no kept snapshot needs: the live one, and those that banks were built from.

    What was live within the last hour stays, too, because a command that reads may hold it.
    Answers in a journal or a batch are never removed. Prints the files. Example:

    \b
        langseg-desc gc --dry-run
    """
    from langseg.pipelines.desc.gc import run_gc

    report = run_gc(settings)
    if as_json:
        emit_json(report)
        return
    for name in report.files:
        print(name)
    say(report.sentence)
