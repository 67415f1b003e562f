"""The commands that keep a store whole and small. They ask nobody."""

from typing import Annotated

import typer

from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.cli.options import Json, StorePath
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json, emit_report


def verify(store: StorePath = None, as_json: Json = False) -> None:
    """Check every file of every snapshot and bank against its checksum, and every reference.

    Exit code 4 when anything is wrong. A note (a journal left by a run that was cut off) is
    nothing wrong. Example:

    \b
        langseg-desc verify --store langseg-store
    """
    from langseg.pipelines.desc.verify import run_verify

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


def repair(store: StorePath = None, as_json: Json = False) -> None:
    """Go on with everything in a damaged store that is whole. Asks nobody.

    Damaged files are kept as *.damaged. Of the answers whose descriptors are lost these are made
    again; only what is lost altogether do `generate` and `encode` redo. Exit code 4 when something
    is left that only a person can decide. Example:

    \b
        langseg-desc repair --store langseg-store
    """
    from langseg.pipelines.desc.repair import run_repair

    report = run_repair(store or DEFAULT_STORE)
    emit_report(report, as_json)
    for problem in report["problems"]:
        say(f"error: {problem}")
    if report["problems"]:
        raise typer.Exit(4)


def compact(store: StorePath = None, as_json: Json = False) -> None:
    """Merge the small files that many commits leave. No row changes, and readers go on.

    Example:

    \b
        langseg-desc compact
    """
    from langseg.pipelines.desc.compact import run_compact

    report = run_compact(store or DEFAULT_STORE)
    emit_report(report, as_json)


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
    from langseg.pipelines.desc.gc import run_gc

    report = run_gc(store or DEFAULT_STORE, keep, keep_hours, damaged, dry_run)
    if as_json:
        emit_json(report)
        return
    for name in report["files"]:
        print(name)
    say(report["sentence"])
