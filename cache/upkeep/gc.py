"""Remove the files of a store that nothing cites any more.

In:  a store, and how many snapshots to keep.
Out: the files that are gone, or would be.

Kept are the live snapshot, those before it as asked for, those that a bank was built from, and
those that were live within the last hour: a reader takes its snapshot when it opens the store, and
no count of snapshots says how long ago that was, because a running `encode` makes one every chunk.
Journals and batches are answers that were paid for and are never touched. Only the holder of the
store's lock collects, so nothing here is a file that somebody is still writing; a bank is written
without the lock, so an unfinished one is left alone for an hour. Control arms that no index lists
are nobody's: ``arms`` was run again with fewer, and makes the same ones when asked for them.
"""

import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from langseg.cache.bank.array_files import HEADER, unread_arrays
from langseg.cache.bank.load_save import load_bank
from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.files import DAMAGED, disk_errors, sync_folder
from langseg.cache.records import EMBEDDINGS, TABLES
from langseg.cache.store.encoder_records import ENCODERS, record_path
from langseg.cache.store.manifest import (
    MANIFESTS,
    Manifest,
    manifest_numbers,
    read_manifest,
)
from langseg.cache.store.store import Store
from langseg.cache.upkeep.bank_checks import BANK_S, BANKS, loose_arms

KEEP_HOURS = 1.0


@dataclass(frozen=True)
class Collected:
    """``files``: paths in the store, in the order in which they went; ``kept``: manifests, of
    which ``recent`` are kept for readers alone and ``cited`` for banks alone, and with them
    ``cited_bytes``, of parts that no other kept manifest lists."""

    files: tuple[str, ...]
    bytes: int
    kept: tuple[str, ...]
    recent: tuple[str, ...]
    cited: tuple[str, ...] = ()
    cited_bytes: int = 0


def collect(
    store: Store,
    *,
    keep: int = 1,
    keep_hours: float = KEEP_HOURS,
    damaged: bool = False,
    dry_run: bool = False,
) -> Collected:
    """Remove what is not needed for ``keep`` snapshots, for the banks and for readers.

    Args:
        keep_hours: how long a reader may go on with the snapshot that it took.
        damaged: remove what ``repair`` set aside, too.
        dry_run: only say what would go.

    Raises: LockedError; CorruptError, for a manifest to be kept or a bank that is damaged: then
    it is not known what they need; LangSegError, for a disk that refuses.
    """
    root = store.path
    with store.writer(), disk_errors(root, "the live snapshot is whole"):
        arms = _old_arms(root, keep_hours)
        newest = {*manifest_numbers(root)[-max(keep, 1) :], store.manifest.number}
        cited = cited_snapshots(root, without=arms) - newest
        recent = _recent(root, keep_hours) - newest - cited
        kept = [read_manifest(root, number) for number in sorted(newest | cited | recent)]
        held = [manifest for manifest in kept if manifest.number in cited]
        others = [manifest for manifest in kept if manifest.number not in cited]
        files = [*_old_manifests(root, kept), *_uncited(root, kept), *_unfinished(root)]
        if damaged:
            files += sorted(root.rglob(f"*{DAMAGED}"))
        of_arms = [path for arm in arms for path in sorted(arm.iterdir()) if path not in files]
        sizes = [path.stat().st_size for path in (*files, *of_arms)]
        if not dry_run:
            _remove(root, files, arms)
    names = tuple(str(path.relative_to(root)) for path in (*files, *of_arms))
    return Collected(
        names,
        sum(sizes),
        tuple(manifest.name for manifest in kept),
        tuple(manifest.name for manifest in kept if manifest.number in recent),
        tuple(manifest.name for manifest in held),
        _bytes_alone(root, held, others),
    )


def cited_snapshots(root: Path, without: Collection[Path] = ()) -> set[int]:
    """The numbers of the snapshots that banks were built from, as far as they are there.

    Raises: CorruptError, for a bank that is damaged.
    """
    cited = {int(name.removesuffix(".json")) for name in _cited(root, without)}
    return cited & set(manifest_numbers(root))


def _remove(root: Path, files: list[Path], arms: list[Path]) -> None:
    for path in files:  # manifests first: none may cite what is gone
        path.unlink()
    for folder in dict.fromkeys(path.parent for path in files):
        sync_folder(folder)
    for arm in arms:
        _remove_bank(arm)
    for gone in (root / BANKS).glob(".*.tmp/"):
        with suppress(OSError):  # what is in it is too young
            gone.rmdir()


def _remove_bank(folder: Path) -> None:
    """At no moment is it half a bank: under its second name nobody takes it for one."""
    gone = folder.with_name(f".{folder.name}.tmp")
    folder.rename(gone)
    sync_folder(gone.parent)
    shutil.rmtree(gone)


def _bytes_alone(root: Path, held: list[Manifest], others: list[Manifest]) -> int:
    """The size of the parts that only the first of these snapshots list."""
    listed = {part.path for manifest in others for part in manifest.parts()}
    alone = {part.path for manifest in held for part in manifest.parts()} - listed
    return sum((root / path).stat().st_size for path in alone if (root / path).exists())


def _old_arms(root: Path, hours: float) -> list[Path]:
    """Control arms that no index lists, and which an `arms` under way has not just made."""
    oldest = time.time() - 3600 * hours
    return [arm for arm in loose_arms(root) if (arm / HEADER).stat().st_mtime < oldest]


def _recent(root: Path, hours: float) -> set[int]:
    """Snapshots that a reader may hold: each was live until the next one was published."""
    oldest = time.time() - 3600 * hours
    pairs = pairwise(manifest_numbers(root))
    ended = {one: (root / MANIFESTS / f"{after:06d}.json").stat().st_mtime for one, after in pairs}
    return {number for number, when in ended.items() if hours and when > oldest}


def _cited(root: Path, without: Collection[Path]) -> Iterator[str]:
    """Manifests that banks were built from."""
    headers = sorted((root / BANKS).glob(f"[!.]*/{HEADER}"))
    for header in (header for header in headers if header.parent not in without):
        try:
            name = load_bank(header.parent).manifest
            int(name.removesuffix(".json"))
        except (CorruptError, ValueError) as exc:
            raise CorruptError(
                f"{header}: wanted a TextBank that names the snapshot to be kept, got none",
                Remedy.REPAIR,
            ) from exc
        yield name


def _old_manifests(root: Path, kept: list[Manifest]) -> list[Path]:
    names = {manifest.name for manifest in kept}
    every = [f"{number:06d}.json" for number in manifest_numbers(root)]
    return [root / MANIFESTS / name for name in every if name not in names]


def _uncited(root: Path, kept: list[Manifest]) -> list[Path]:
    """Parts and encoder records of no kept manifest."""
    cited = {root / part.path for manifest in kept for part in manifest.parts()}
    cited |= {root / record_path(name) for manifest in kept for name in manifest.encoders}
    there = [*sorted((root / ENCODERS).glob("*.json"))]
    for folder in (*TABLES, EMBEDDINGS):
        there += sorted((root / folder).rglob("*.parquet"))
    # a name that starts with a dot is an unfinished write, which is listed as such
    return [path for path in there if path not in cited and not path.name.startswith(".")]


def _unfinished(root: Path) -> list[Path]:
    now = time.time()
    banks = root / BANKS
    found = sorted(path for path in root.rglob(".*.tmp") if path.is_file())
    found += sorted(banks.glob(".*.tmp/*"))
    found += [path for folder in sorted(banks.glob("[!.]*/")) for path in unread_arrays(folder)]
    return [p for p in found if banks not in p.parents or now - p.stat().st_mtime > BANK_S]
