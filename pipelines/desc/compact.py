"""Merge the small parts of a store.

In:  the folder of a store.
Out: a report of what was done.
"""

from dataclasses import dataclass
from pathlib import Path

from langseg.cache.errors import CorruptError
from langseg.pipelines.desc.snapshot_names import few_snapshots


@dataclass(frozen=True, kw_only=True)
class CompactReport:
    """``held`` names the older snapshots that banks were built from, whose files stay."""

    manifest: str
    held: list[str]
    parts_before: int
    parts_after: int
    sentence: str


def run_compact(store_path: Path) -> CompactReport:
    """Merge small parts; every row stays, and so do the old files until ``gc``."""
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
                f", but not those of {few_snapshots(held)}, which banks were built from: build "
                "those anew with `langseg-desc bank` and `arms`"
            )
    return CompactReport(
        manifest=done.manifest,
        held=held,
        parts_before=done.parts_before,
        parts_after=done.parts_after,
        sentence=sentence,
    )


def _held_by_banks(store_path: Path, live: str) -> list[str]:
    """The older snapshots that banks were built from."""
    from langseg.cache.upkeep.gc import cited_snapshots

    try:
        names = [f"{number:06d}.json" for number in sorted(cited_snapshots(store_path))]
    except CorruptError:  # `gc` tells of it
        return []
    return [name for name in names if name != live]
