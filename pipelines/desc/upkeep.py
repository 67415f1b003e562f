"""Keep a store in order: repair what is damaged, merge small parts, remove what nobody cites.

In:  the folder of a store.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.bank.folder import array_files
from langseg.cache.bank.text_bank import HEADER
from langseg.cache.errors import CorruptError
from langseg.pipelines.desc.verify import run_verify

if TYPE_CHECKING:
    import pyarrow as pa

    from langseg.cache.store.journal import Answer
    from langseg.cache.upkeep.repair import Repaired

_MB = 1_000_000
_MADE_OF_REPLIES = ("descriptors/", "texts/")


def run_repair(store_path: Path) -> dict[str, Any]:
    """Set damaged files aside, and go on with everything in the store that is whole.

    ``set_aside`` maps each damaged journal to how many of its lines were left out; ``files`` are
    all files that were set aside, ``lost`` the rows of each lost part, ``banks`` the command for
    each damaged bank or index of arms, ``snapshots`` the older ones that went with a lost file,
    ``problems`` what is wrong all the same.
    """
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.repair import repair_store

    with suppress(CorruptError):  # parts whose manifests are all lost
        Store.open(store_path)  # is a store there at all?
    done = repair_store(store_path, _parsed_again)
    banks = _banks_aside(store_path)
    losses = done.losses
    return {
        "manifest": done.manifest,
        "set_aside": losses.lines,
        "files": losses.set_aside,
        "lost": losses.parts,
        "encoders": losses.encoders,
        "dropped": done.dropped,
        "remade": done.remade,
        "banks": banks,
        "snapshots": losses.snapshots,
        "problems": run_verify(store_path)["problems"],
        "sentence": f"{store_path}: {_said(done, banks)}",
    }


def run_compact(store_path: Path) -> dict[str, Any]:
    """Merge small parts; every row stays, and so do the old files until ``gc``.

    ``held`` names the older snapshots that banks were built from, whose files stay.
    """
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.compact import compact

    done = compact(Store.open(store_path))
    held = _held_by_banks(store_path, done.manifest)
    sentence = f"{store_path}: {done.parts_before} parts, none to merge, nothing was changed"
    if done.changed:
        sentence = (
            f"{store_path}: {done.parts_before} parts are {done.parts_after} now, as "
            f"{done.manifest}; an hour from now `langseg-desc gc` removes the old ones"
        )
        if held:
            sentence += (
                f", but not those of {_few(held)}, which banks were built from: build those anew "
                "with `langseg-desc bank` and `arms`"
            )
    return {
        "manifest": done.manifest,
        "held": held,
        "parts_before": done.parts_before,
        "parts_after": done.parts_after,
        "sentence": sentence,
    }


def run_gc(
    store_path: Path, keep: int, keep_hours: float, damaged: bool, dry_run: bool
) -> dict[str, Any]:
    """Remove (or with ``dry_run`` name) what no kept snapshot cites."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.gc import collect

    done = collect(
        Store.open(store_path), keep=keep, keep_hours=keep_hours, damaged=damaged, dry_run=dry_run
    )
    what = f"{len(done.files)} file{'s' * (len(done.files) != 1)}, {done.bytes / _MB:.1f} MB"
    kept = f"{done.kept[-1]} is live"
    older = sorted({*done.kept[:-1]} - {*done.recent} - {*done.cited})
    if older:
        kept += f", {_few(older)} kept"
    if done.cited:
        kept += (
            f", {_few(done.cited)} kept with {done.cited_bytes / _MB:.1f} MB of older parts, "
            "because banks were built from them (`langseg-desc bank` and `arms` build anew)"
        )
    if done.recent:
        kept += (
            f", {_few(done.recent)} kept for readers of the last {_hours(keep_hours)} "
            "(`--keep-hours 0` when nobody reads)"
        )
    return {
        "files": list(done.files),
        "bytes": done.bytes,
        "kept": list(done.kept),
        "recent": list(done.recent),
        "cited": list(done.cited),
        "cited_bytes": done.cited_bytes,
        "dry_run": dry_run,
        "sentence": f"{store_path}: {what} {'would go' if dry_run else 'removed'}; {kept}",
    }


def _held_by_banks(store_path: Path, live: str) -> list[str]:
    """The older snapshots that banks were built from."""
    from langseg.cache.upkeep.gc import cited_snapshots

    try:
        names = [f"{number:06d}.json" for number in sorted(cited_snapshots(store_path))]
    except CorruptError:  # `gc` tells of it
        return []
    return [name for name in names if name != live]


def _parsed_again(rows: "Sequence[Answer]") -> "Mapping[str, pa.Table]":
    """What ``generate`` makes of these replies."""
    from langseg.descriptors.generation.answers import answer_tables, parsed

    return answer_tables([parsed(row) for row in rows])


def _banks_aside(store_path: Path) -> dict[str, str]:
    """Damaged bank -> the command that makes it again; its files no longer stand for a bank."""
    from langseg.cache.files import set_aside
    from langseg.cache.upkeep.bank_checks import bank_problems, index_problems, listed_vocabularies

    listed = listed_vocabularies(store_path)
    commands = {}
    for folder, _ in bank_problems(store_path):
        vocabulary, command = _said_of_bank(folder / HEADER, listed)
        commands[str(folder)] = _command(command, vocabulary, store_path)
        for path in (*array_files(folder), folder / HEADER):
            if path.exists():
                set_aside(path)
    for path, _ in index_problems(store_path):  # also those whose bank went just now
        commands[str(path)] = _command("arms", _vocabulary_of(path), store_path)
        set_aside(path)
    return commands


def _said_of_bank(header: Path, listed: Mapping[str, str]) -> tuple[str, str]:
    """The vocabulary of a damaged bank, if anything tells it, and what makes the bank again."""
    if header.parent.name in listed:
        return listed[header.parent.name], "arms"
    return _vocabulary_of(header), "arms" if "recipe" in _said_in(header) else "bank"


def _vocabulary_of(path: Path) -> str:
    return str(_said_in(path).get("vocabulary", ""))


def _said_in(path: Path) -> dict[str, Any]:
    """What a damaged JSON file says all the same."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _command(command: str, vocabulary: str, store_path: Path) -> str:
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    shipped = vocabulary in shipped_vocabularies()
    which = f"--dataset {vocabulary}" if shipped else "--classes FILE"
    return f"langseg-desc {command} {which} --store {store_path}"


def _hours(hours: float) -> str:
    return "hour" if hours == 1 else f"{hours:g} hours"


def _few(names: Sequence[str]) -> str:
    """Some names in words, however many there are."""
    return ", ".join(names) if len(names) < 4 else f"{len(names)} snapshots from {names[0]}"


def _said(done: "Repaired", banks: Mapping[str, str]) -> str:
    losses = done.losses
    said = []
    if losses.start:
        said.append(f"the live manifest is lost, gone on from {losses.start}")
    if losses.lines:
        lines = sum(losses.lines.values())
        files = ", ".join(f"{name}.jsonl" for name in losses.lines)
        said.append(f"{lines} damaged line{'s' * (lines > 1)} left out of {files}")
    if losses.set_aside:
        said.append(f"set aside as *.damaged: {', '.join(losses.set_aside)}")
    if losses.snapshots:
        said.append(f"older snapshots that lack a file now, set aside: {_few(losses.snapshots)}")
    gone = sorted(set(losses.parts) - set(losses.set_aside))
    if gone:
        said.append(f"missing: {', '.join(gone)}")
    said += [f"encoder {name} is to be used anew" for name in losses.encoders]
    for rows, verb in ((done.dropped, "dropped"), (done.remade, "made again from replies")):
        if rows:
            told = ", ".join(f"{count} {name}" for name, count in rows.items())
            said.append(f"{told} {verb}")
    said += [
        f"{folder} is not whole, make it again with `{command}`"
        for folder, command in banks.items()
    ]
    if not said:
        return "nothing is damaged, nothing was changed"
    if losses.lines or losses.encoders or done.dropped or any(map(_is_redone, losses.parts)):
        said.append("next: langseg-desc generate and encode, which redo only what was lost")
    return "; ".join(said)


def _is_redone(part: str) -> bool:
    """Whether a lost part held what `generate` or `encode` make; the rest is made of replies."""
    return not part.startswith(_MADE_OF_REPLIES)
