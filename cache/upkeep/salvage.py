"""Find what is whole in a damaged store, and set aside what is not.

In:  the folder of a store that nobody writes to.
Out: a manifest to go on from, parts and encoder records that are good, and a list of losses.

What is set aside is renamed to ``<file>.<hash>.damaged`` beside where it was: nothing reads it
any more, and nothing is deleted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from langseg.cache.errors import CorruptError, FormatError
from langseg.cache.files import set_aside, sha256_of
from langseg.cache.store.encoder_records import ENCODERS, read_record, record_path
from langseg.cache.store.journal import journal_names, journal_path, salvage_journal
from langseg.cache.store.manifest import (
    CURRENT,
    MANIFESTS,
    Manifest,
    Part,
    live_manifest,
    manifest_numbers,
    part_path,
    read_current,
    read_manifest,
    safe_name,
)
from langseg.cache.store.parts import check_part, count_rows, scan_part
from langseg.cache.store.vector_journal import (
    read_vector_journal,
    salvage_vector_journal,
    vector_journals,
)


@dataclass
class Losses:
    """What is not whole.

    ``set_aside``: paths in the store, as they were named; ``lines``: a journal's file -> its
    damaged lines; ``parts``: part -> its rows, as far as a manifest tells; ``start``: the manifest
    that is gone back to because the live one is lost, ``none`` where no other is whole;
    ``snapshots``: older manifests that are set aside because a file they list is lost.
    """

    set_aside: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    encoders: list[str] = field(default_factory=list)
    start: str = ""
    snapshots: list[str] = field(default_factory=list)

    def put_aside(self, root: Path, name: str) -> None:
        """Rename a damaged file of the store; one that is not there is none."""
        if (root / name).exists():
            set_aside(root / name)
            self.set_aside.append(name)


def salvage_journals(root: Path, losses: Losses) -> None:
    """Leave the good lines of every journal under its name."""
    answers = [journal_path(root, name) for name in journal_names(root)]
    damaged = {path: salvage_journal(path) for path in answers}
    damaged |= {path: salvage_vector_journal(path) for path in vector_journals(root)}
    losses.lines |= {path.name: lines for path, lines in damaged.items() if lines}


def known_vectors(root: Path, encoders: Iterable[str], losses: Losses) -> None:
    """Set aside the journals that hold vectors of an encoder whose record is lost."""
    for path in vector_journals(root):
        if {reply.encoder_id for reply in read_vector_journal(path)} - {*encoders}:
            losses.put_aside(root, str(path.relative_to(root)))


def whole_manifest(root: Path, losses: Losses) -> Manifest:
    """The live manifest; else the newest that is whole; else an empty one.

    Raises: FormatError, where another LangSeg has to be asked.
    """
    live: Manifest | None = None
    try:
        live = live_manifest(root)
    except FormatError:
        raise
    except CorruptError:
        pass
    # Also where the live one is whole: what is damaged or of another history below it is set aside,
    # so that nobody falls back to it later.
    whole = _whole_history(root, losses)
    if live is not None:
        return live
    try:
        read_current(root)
    except CorruptError:
        losses.put_aside(root, CURRENT)
    losses.start = whole.name if whole else "none"
    return whole or Manifest()


def whole_snapshots(root: Path, live: Manifest, losses: Losses) -> None:
    """Set aside the older snapshots that lack a file, and what of theirs is damaged.

    The live one is whole, and ``CURRENT`` names it: it needs none of them.
    """
    known = dict.fromkeys(_needed(live), True)
    for number in manifest_numbers(root):
        if number == live.number:
            continue
        manifest = read_manifest(root, number)
        for needed in _needed(manifest) - known.keys():
            known[needed] = _is_whole(root, needed, losses)
        if not all(known[needed] for needed in _needed(manifest)):
            set_aside(root / MANIFESTS / manifest.name)
            losses.snapshots.append(manifest.name)


def whole_parts(
    root: Path,
    folder: str,
    listed: Sequence[Part],
    schema: pa.Schema,
    columns: Sequence[str],
    losses: Losses,
) -> tuple[list[Part], pa.Table]:
    """The parts that can be read, and some of their columns.

    Where the live manifest is lost, these are also the parts that it may have listed.
    """
    good, read = [], [schema.empty_table().select(list(columns))]
    candidates = list(listed)
    if losses.start:
        candidates += _unlisted(root, folder, listed, losses)
    for part in candidates:
        try:
            check_part(root, part)
            read.append(scan_part(root, part, schema, columns))
        except CorruptError:
            losses.parts[part.path] = part.rows
            losses.put_aside(root, part.path)
        else:
            good.append(part)
    return good, pa.concat_tables(read)


def whole_encoders(root: Path, manifest: Manifest, losses: Losses) -> dict[str, str]:
    """Encoder id -> sha256 of its record, for each record that is as it was written."""
    listed = dict(manifest.encoders)
    if losses.start:
        for path in sorted((root / ENCODERS).glob("*.json")):
            listed.setdefault(safe_name("encoder", path.stem), sha256_of(path))
    whole = {}
    for name, sha256 in listed.items():
        try:
            read_record(root, name, sha256)
        except CorruptError:
            losses.encoders.append(name)
            losses.put_aside(root, record_path(name))
        else:
            whole[name] = sha256
    return whole


def _needed(manifest: Manifest) -> set[Part | tuple[str, str]]:
    """Parts, and ids of encoders with the sha256 of their records."""
    return {*manifest.parts(), *manifest.encoders.items()}


def _is_whole(root: Path, needed: Part | tuple[str, str], losses: Losses) -> bool:
    name = needed.path if isinstance(needed, Part) else record_path(needed[0])
    try:
        if isinstance(needed, Part):
            check_part(root, needed)
        else:
            read_record(root, *needed)
    except CorruptError:
        losses.put_aside(root, name)
        return False
    return True


def _whole_history(root: Path, losses: Losses) -> Manifest | None:
    """The newest manifest that is whole. Those that are not, or not its ancestors, go."""
    newest: Manifest | None = None
    above: Manifest | None = None
    for number in reversed(manifest_numbers(root)):
        name = f"{MANIFESTS}/{number:06d}.json"
        try:
            manifest = read_manifest(root, number)
        except FormatError:
            raise
        except CorruptError:
            losses.put_aside(root, name)
            continue
        # Where a number is missing, nothing tells whether what is below it is the same history; it
        # is kept, because banks may have been built from it.
        if above is not None and above.number == number + 1 and above.parent != manifest.sha256:
            losses.put_aside(root, name)
            continue
        newest, above = newest or manifest, manifest
    return newest


def _unlisted(root: Path, folder: str, listed: Sequence[Part], losses: Losses) -> Iterator[Part]:
    """Parts under the name of their own content; others are set aside."""
    known = {part.path for part in listed}
    for path in sorted((root / folder).glob("part-*.parquet")):
        name = f"{folder}/{path.name}"
        if name in known:
            continue
        sha256 = sha256_of(path)
        if name == part_path(folder, sha256):
            yield Part(name, count_rows(root, name), sha256)
        else:
            losses.parts[name] = 0
            losses.put_aside(root, name)
