"""Repair what is damaged of a store, and say how to make again what is lost.

In:  the folder of a store.
Out: a report of what was done.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.bank.array_files import HEADER, array_files
from langseg.cache.errors import CorruptError
from langseg.pipelines.desc.snapshot_names import few_snapshots
from langseg.pipelines.desc.verify import run_verify

if TYPE_CHECKING:
    import pyarrow as pa

    from langseg.cache.store.journal import Answer
    from langseg.cache.upkeep.repair import Repaired

_MADE_OF_REPLIES = ("descriptors/", "texts/")


@dataclass(frozen=True, kw_only=True)
class RepairReport:
    """What was done to a store.

    ``set_aside`` maps each damaged journal to how many of its lines were left out; ``files`` are
    all files that were set aside, ``lost`` the rows of each lost part, ``encoders`` those to be
    used anew, ``dropped`` and ``remade`` rows of each table, ``banks`` the command for each
    damaged bank or index of arms, ``snapshots`` the older ones that went with a lost file,
    ``problems`` what is wrong all the same.
    """

    manifest: str
    set_aside: Mapping[str, int]
    files: Sequence[str]
    lost: Mapping[str, int]
    encoders: Sequence[str]
    dropped: Mapping[str, int]
    remade: Mapping[str, int]
    banks: Mapping[str, str]
    snapshots: Sequence[str]
    problems: Sequence[str]
    sentence: str


def run_repair(store_path: Path) -> RepairReport:
    """Set damaged files aside, and go on with everything in the store that is whole."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.repair import repair_store

    with suppress(CorruptError):  # parts whose manifests are all lost
        Store.open(store_path)  # is a store there at all?
    done = repair_store(store_path, _parsed_again)
    banks = _banks_aside(store_path)
    losses = done.losses
    return RepairReport(
        manifest=done.manifest,
        set_aside=losses.lines,
        files=losses.set_aside,
        lost=losses.parts,
        encoders=losses.encoders,
        dropped=done.dropped,
        remade=done.remade,
        banks=banks,
        snapshots=losses.snapshots,
        problems=run_verify(store_path).problems,
        sentence=f"{store_path}: {_sentence(done, banks)}",
    )


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
        vocabulary, command = _vocabulary_and_command(folder / HEADER, listed)
        commands[str(folder)] = _command(command, vocabulary, store_path)
        for path in (*array_files(folder), folder / HEADER):
            if path.exists():
                set_aside(path)
    for path, _ in index_problems(store_path):  # also those whose bank went just now
        commands[str(path)] = _command("arms", _vocabulary_of(path), store_path)
        set_aside(path)
    return commands


def _vocabulary_and_command(header: Path, listed: Mapping[str, str]) -> tuple[str, str]:
    """The vocabulary of a damaged bank, if anything tells it, and what makes the bank again."""
    if header.parent.name in listed:
        return listed[header.parent.name], "arms"
    return _vocabulary_of(header), "arms" if "recipe" in _readable_part(header) else "bank"


def _vocabulary_of(path: Path) -> str:
    return str(_readable_part(path).get("vocabulary", ""))


def _readable_part(path: Path) -> dict[str, Any]:
    """What a damaged JSON file says all the same."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _command(command: str, vocabulary: str, store_path: Path) -> str:
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    shipped = vocabulary in shipped_vocabularies()
    which = f"--dataset {vocabulary}" if shipped else "--classes FILE"
    return f"langseg-desc {command} {which} --store {store_path}"


def _sentence(done: "Repaired", banks: Mapping[str, str]) -> str:
    losses = done.losses
    clauses = []
    if losses.start:
        clauses.append(f"the live manifest is lost, gone on from {losses.start}")
    if losses.lines:
        lines = sum(losses.lines.values())
        files = ", ".join(losses.lines)
        clauses.append(f"{lines} damaged line{'s' * (lines > 1)} left out of {files}")
    if losses.set_aside:
        clauses.append(f"set aside as *.damaged: {', '.join(losses.set_aside)}")
    if losses.snapshots:
        clauses.append(
            f"older snapshots that lack a file now, set aside: {few_snapshots(losses.snapshots)}"
        )
    gone = sorted(set(losses.parts) - set(losses.set_aside))
    if gone:
        clauses.append(f"missing: {', '.join(gone)}")
    clauses += [f"encoder {name} is to be used anew" for name in losses.encoders]
    for rows, verb in ((done.dropped, "dropped"), (done.remade, "made again from replies")):
        if rows:
            counts = ", ".join(f"{count} {name}" for name, count in rows.items())
            clauses.append(f"{counts} {verb}")
    clauses += [
        f"{folder} is not whole, make it again with `{command}`"
        for folder, command in banks.items()
    ]
    if not clauses:
        return "nothing is damaged, nothing was changed"
    if losses.lines or losses.encoders or done.dropped or any(map(_is_redone, losses.parts)):
        clauses.append("next: langseg-desc generate and encode, which redo only what was lost")
    return "; ".join(clauses)


def _is_redone(part: str) -> bool:
    """Whether a lost part held what `generate` or `encode` make; the rest is made of replies."""
    return not part.startswith(_MADE_OF_REPLIES)
