"""Remove from a store what nobody cites.

In:  the folder of a store, and how much of its past is kept.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

from pathlib import Path
from typing import Any

from langseg.pipelines.desc.snapshot_names import few_snapshots

_MB = 1_000_000


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
    staying = f"{done.kept[-1]} is live"
    older = sorted({*done.kept[:-1]} - {*done.recent} - {*done.cited})
    if older:
        staying += f", {few_snapshots(older)} kept"
    if done.cited:
        staying += (
            f", {few_snapshots(done.cited)} kept with {done.cited_bytes / _MB:.1f} MB of older "
            "parts, because banks were built from them (`langseg-desc bank` and `arms` build anew)"
        )
    if done.recent:
        staying += (
            f", {few_snapshots(done.recent)} kept for readers of the last {_hours(keep_hours)} "
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
        "sentence": f"{store_path}: {what} {'would go' if dry_run else 'removed'}; {staying}",
    }


def _hours(hours: float) -> str:
    return "hour" if hours == 1 else f"{hours:g} hours"
