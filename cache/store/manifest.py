"""The manifest: which files a store holds, numbered, hashed and chained to its parent.

In:  the parts a commit wrote.
Out: ``manifests/000017.json``, put there only if that number is free, and ``CURRENT``.

The link of the numbered file is the commit, and nothing else is: the live manifest is the one
with the highest number. ``CURRENT`` is a floor, written afterwards. Newer manifests than it
names are what a crash between the two leaves; they count if their parent hashes lead back to
it. A manifest older than it names means that newer ones were lost, which is damage and never
an old snapshot in silence. So readers and writers agree at every moment, and of two writers
whose lock was lost one gets the number and the other starts over on top of it (Delta Lake).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from langseg.cache import sealed
from langseg.cache.errors import CorruptError, InputError, LockedError, Remedy
from langseg.cache.files import make_folder, write_atomic, write_new
from langseg.cache.records import EMBEDDINGS, SCHEMA_VERSION, TABLES

CURRENT = "CURRENT"
MANIFESTS = "manifests"
_NAME = re.compile(r"([0-9]{6,18})\.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class CollectedError(LockedError):
    """A snapshot that ``gc`` or ``repair`` removed while it was read; the live one is whole."""


@dataclass(frozen=True)
class Part:
    """One immutable Parquet file: its path relative to the store, its rows and its sha256."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One snapshot of a store.

    ``parent`` is the parent's ``sha256`` ("" for number 0); ``encoders`` maps encoder ids to
    the sha256 of their record's file; ``journals`` are the journals whose rows this snapshot
    holds and whose files may still be there.
    """

    number: int = 0
    parent: str = ""
    schema_version: int = SCHEMA_VERSION
    tables: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    embeddings: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    encoders: Mapping[str, str] = field(default_factory=dict)
    journals: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """File name, such as ``000017.json``; also how banks and reports cite the snapshot."""
        return f"{self.number:06d}.json"

    @property
    def sha256(self) -> str:
        """Hash of everything the manifest says."""
        return sealed.seal_of(asdict(self))

    def parts(self) -> tuple[Part, ...]:
        """Every part of every table and encoder."""
        groups = (*self.tables.values(), *self.embeddings.values())
        return tuple(part for group in groups for part in group)

    def files(self) -> dict[str, tuple[str, ...]]:
        """Table name (and ``embeddings`` for all encoders) -> paths relative to the store."""
        paths = {name: tuple(part.path for part in parts) for name, parts in self.tables.items()}
        every = tuple(part.path for parts in self.embeddings.values() for part in parts)
        return paths | {EMBEDDINGS: every}

    def render(self) -> bytes:
        """The file's bytes; there is one spelling, so that every changed bit shows."""
        return sealed.render(asdict(self), sort_keys=True)


def part_path(folder: str, sha256: str) -> str:
    """A part is named by its content: a part written twice is one file, and no text gets in."""
    return f"{folder}/part-{sha256[:32]}.parquet"


def encoder_folder(encoder_id: str) -> str:
    """Folder of an encoder's parts; Hive style, so that SQL sees a column ``encoder``."""
    return f"{EMBEDDINGS}/encoder={encoder_id}"


def safe_name(kind: str, name: str) -> str:
    """The name itself, if it can be one component of a path on any machine."""
    if not _SAFE.fullmatch(name):
        raise InputError(
            f"{kind} {name!r}: wanted 1 to 100 of A-Z a-z 0-9 . _ - with a letter or digit first"
        )
    return name


def is_store(root: Path) -> bool:
    """Whether a store is there, in whatever state."""
    return (root / CURRENT).exists() or bool(manifest_numbers(root))


def live_manifest(root: Path) -> Manifest:
    """The newest manifest, which ``CURRENT`` vouches for (see the module's docstring).

    Raises: CorruptError, for a manifest that is lost, damaged or no descendant of ``CURRENT``.
    """
    while True:
        floor = read_current(root)  # before the listing: it never names more than is listed
        try:
            return _descendant(root, floor)
        except CorruptError:
            if read_current(root) == floor:  # else a commit and a `gc` came in between
                raise


def read_manifest(root: Path, number: int) -> Manifest:
    """Read one manifest. Raises: CorruptError, unless every byte is as it was written."""
    path = root / MANIFESTS / f"{number:06d}.json"
    try:
        document = sealed.parse(path.read_bytes(), sort_keys=True)
    except (OSError, ValueError) as exc:
        raise CorruptError(f"{path}: wanted a manifest, got {exc}", Remedy.VERIFY) from exc
    sealed.check_format(path, "schema version", SCHEMA_VERSION, document.get("schema_version"))
    try:
        manifest = _from_document(document)
        _check_paths(path, manifest)
    except (LookupError, TypeError, AttributeError, ValueError) as exc:
        raise CorruptError(f"{path}: wanted a manifest, got {exc!r}", Remedy.VERIFY) from exc
    if manifest.number != number:
        raise CorruptError(f"{path}: wanted this number, got {manifest.number}", Remedy.VERIFY)
    return manifest


def publish(root: Path, manifest: Manifest) -> None:
    """Commit. Raises: FileExistsError, when another writer took the number; OSError."""
    write_new(make_folder(root / MANIFESTS) / manifest.name, manifest.render())


def write_current(root: Path, manifest: Manifest) -> None:
    """Raise the floor to a published manifest."""
    if read_current(root) != manifest.number:
        write_atomic(root / CURRENT, f"{manifest.name}\n".encode())


def manifest_numbers(root: Path) -> list[int]:
    """The numbers of all manifests that are there, readable or not, in ascending order."""
    names = (path.name for path in (root / MANIFESTS).glob("*.json"))
    return sorted(int(match[1]) for name in names if (match := _NAME.fullmatch(name)))


def is_kept(root: Path, manifest: Manifest) -> bool:
    """Whether a snapshot is still one of the store: what removes files removes manifests first."""
    numbers = manifest_numbers(root)
    return manifest.number in numbers or max(numbers, default=-1) < manifest.number


@contextmanager
def while_kept(root: Path, manifest: Manifest) -> Iterator[None]:
    """Tell a snapshot that was removed while it was read from one that is damaged.

    Raises: CollectedError, in place of the CorruptError for what is gone with it.
    """
    try:
        yield
    except CorruptError as exc:
        if is_kept(root, manifest):
            raise
        raise CollectedError(
            f"{root}: wanted the snapshot {manifest.name}, which was removed while it was read; "
            "run the same command again, it reads the newest one"
        ) from exc


def next_number(root: Path) -> int:
    """One that no manifest has or had, as far as anything here tells, damage included."""
    names = (path.name for path in (root / MANIFESTS).glob("*"))
    taken = [int(match[1]) for name in names if (match := _NAME.match(name))]
    with suppress(CorruptError):
        taken.append(read_current(root) or 0)
    return max(taken, default=-1) + 1


def read_current(root: Path) -> int | None:
    """The number ``CURRENT`` names; None where it is not there. Raises: CorruptError."""
    path = root / CURRENT
    try:
        text = path.read_bytes().decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise CorruptError(f"{path}: wanted a manifest's name, got {exc}", Remedy.REPAIR) from exc
    match = _NAME.fullmatch(text.removesuffix("\n"))
    if not match:
        raise CorruptError(f"{path}: wanted a manifest's name, got {text[:40]!r}", Remedy.REPAIR)
    return int(match[1])


def _descendant(root: Path, floor: int | None) -> Manifest:
    newest = max(manifest_numbers(root), default=-1)
    if floor is None and (newest > 0 or _any_part(root)):
        raise CorruptError(
            f"{root / CURRENT}: wanted a manifest's name, got no file", Remedy.REPAIR
        )
    manifest = child = read_manifest(root, max(newest, floor or 0))
    for number in range(newest - 1, (floor or 0) - 1, -1):
        below = read_manifest(root, number)
        if child.parent != below.sha256:
            raise CorruptError(
                f"{root / MANIFESTS / child.name}: wanted a child of {below.name}, got one of "
                "another history",
                Remedy.VERIFY,
            )
        child = below
    return manifest


def _any_part(root: Path) -> bool:
    """Whether something was ever committed: every writer writes ``CURRENT`` before any part."""
    return any(next((root / name).rglob("*.parquet"), None) for name in (*TABLES, EMBEDDINGS))


def _from_document(document: Mapping[str, Any]) -> Manifest:
    """Raises: LookupError, TypeError or AttributeError, for a document of another shape."""

    def groups(name: str) -> dict[str, tuple[Part, ...]]:
        listed = document[name].items()
        return {key: tuple(Part(**part) for part in parts) for key, parts in listed}

    return Manifest(
        number=document["number"],
        parent=document["parent"],
        schema_version=document["schema_version"],
        tables=groups("tables"),
        embeddings=groups(EMBEDDINGS),
        encoders=dict(document["encoders"]),
        journals=tuple(document["journals"]),
    )


def _check_paths(path: Path, manifest: Manifest) -> None:
    """A store that came from elsewhere must not lead out of its own folder."""
    names = (*manifest.encoders, *manifest.embeddings, *manifest.journals)
    folders = {encoder_folder(key): parts for key, parts in manifest.embeddings.items()}
    folders |= manifest.tables
    safe = (
        all(_SAFE.fullmatch(name) for name in names)
        and set(manifest.tables) <= set(TABLES)
        and set(manifest.embeddings) <= set(manifest.encoders)
        and all(_SHA256.fullmatch(part.sha256) for part in manifest.parts())
        and all(type(part.rows) is int for part in manifest.parts())
        and all(
            part.path == part_path(folder, part.sha256)
            for folder, parts in folders.items()
            for part in parts
        )
    )
    if not safe:
        raise CorruptError(f"{path}: wanted parts under their own names, got others", Remedy.VERIFY)
