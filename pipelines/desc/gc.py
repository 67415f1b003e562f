"""Remove from a store what nobody cites.

In:  the folder of a store, and how much of its past is kept.
Out: a report of what was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from langseg.pipelines.desc.snapshot_names import few_snapshots
from langseg.pipelines.desc.store_config import StoreConfig

_MB = 1_000_000


class GcConfig(StoreConfig):
    """What `gc` takes."""

    keep: int = Field(1, ge=1, description="Newest snapshots to keep.")
    keep_hours: float = Field(
        1.0, ge=0.0, description="Keep what was live in these hours; 0 if nobody reads."
    )
    damaged: bool = Field(False, description="Remove what `repair` set aside, too.")
    dry_run: bool = Field(False, description="Only name the files that would go.")


@dataclass(frozen=True, kw_only=True)
class GcReport:
    """``files`` that went, or would go; snapshots that were ``kept``, the live one last: some as
    they are ``recent``, some as they are ``cited`` by banks."""

    files: Sequence[str]
    bytes: int
    kept: Sequence[str]
    recent: Sequence[str]
    cited: Sequence[str]
    cited_bytes: int
    dry_run: bool
    sentence: str


def run_gc(config: GcConfig) -> GcReport:
    """Remove (or with ``dry_run`` name) what no kept snapshot cites."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.gc import collect

    done = collect(
        Store.open(config.store),
        keep=config.keep,
        keep_hours=config.keep_hours,
        damaged=config.damaged,
        dry_run=config.dry_run,
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
            f", {few_snapshots(done.recent)} kept for readers of the last "
            f"{_hours(config.keep_hours)} (`--keep-hours 0` when nobody reads)"
        )
    return GcReport(
        files=done.files,
        bytes=done.bytes,
        kept=done.kept,
        recent=done.recent,
        cited=done.cited,
        cited_bytes=done.cited_bytes,
        dry_run=config.dry_run,
        sentence=f"{config.store}: {what} {'would go' if config.dry_run else 'removed'}; {staying}",
    )


def _hours(hours: float) -> str:
    return "hour" if hours == 1 else f"{hours:g} hours"
