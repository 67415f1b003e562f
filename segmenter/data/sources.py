"""Find the files of a dataset, in folders or in zip files as they are, and read them in place.

In:  a folder, a zip file, or a folder that holds zip files.
Out: Folders, and the files in them: each a Source, a ``Path`` or a ``ZipMember``.
"""

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from langseg.cache.errors import InputError

MAX_MEMBER_BYTES = 2**30  # a zip of a few bytes can promise any number
_DEPTH = 4  # of folders that hold one folder and nothing else
_JUNK = ("__MACOSX",)  # and what begins with a dot: Finder's twins, .DS_Store


@dataclass(frozen=True)
class ZipMember:
    """A file in a zip file, which stays as it is; it can go to other threads and processes.

    ``inside``: its name in the archive; ``size``: its bytes once unpacked.
    """

    archive: Path
    inside: str
    size: int

    def __str__(self) -> str:
        return f"{self.archive}/{self.inside}"

    @property
    def name(self) -> str:
        """The last part of its name."""
        return PurePosixPath(self.inside).name

    @property
    def suffix(self) -> str:
        """``.png``."""
        return PurePosixPath(self.inside).suffix

    def read_bytes(self) -> bytes:
        """Raises: InputError, for an archive that is gone, damaged, encrypted or packed in a way
        that Python cannot unpack."""
        if self.size > MAX_MEMBER_BYTES:
            raise InputError(f"{self}: wanted at most 1 GiB unpacked, got {self.size} bytes")
        try:
            return _opened(self.archive).read(self.inside)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError) as exc:
            raise InputError(f"{self}: cannot be unpacked ({exc})") from exc
        except (RuntimeError, NotImplementedError) as exc:  # a password, an unusual compression
            raise InputError(f"{self}: cannot be unpacked ({exc}); unpack it beside") from exc


Source = Path | ZipMember


def size_of(source: Source) -> int:
    """Bytes of a file. Raises: InputError, for one that is not there."""
    if isinstance(source, ZipMember):
        return source.size
    try:
        return source.stat().st_size
    except OSError as exc:
        raise InputError(f"{source}: wanted a file of the dataset, got {exc.strerror}") from exc


@dataclass(frozen=True)
class Listing:
    """Files below a folder by their names from there, ``city/a.png``; what was passed over, by
    suffix."""

    files: Mapping[str, Source]
    others: Mapping[str, int]


@dataclass(frozen=True)
class Folder:
    """A folder on disk (``inside`` is None), or in a zip file (``""`` is its top)."""

    at: Path
    inside: str | None = None

    def __str__(self) -> str:
        return f"{self.at}/{self.inside}" if self.inside else str(self.at)

    def find(self, place: str) -> "Folder | None":
        """The folder of a name such as ``images/val``; on disk ``images.zip`` stands in for
        ``images``. None where there is none."""
        folder: Folder | None = self
        for part in PurePosixPath(place).parts:
            folder = folder and folder._child(part)
        return folder

    def file(self, place: str) -> Source | None:
        """The file of a name such as ``lists/val.txt``; None where there is none."""
        *parents, name = PurePosixPath(place).parts
        folder = self.find("/".join(parents))
        if folder is None:
            return None
        if folder.inside is None:
            path = folder.at / name
            return path if path.is_file() else None
        return _index(folder.at).files.get(folder.inside, {}).get(name)

    def within(self) -> Iterator["Folder"]:
        """This folder, and, while it holds one folder alone, that one: what unpacking nests."""
        folder: Folder | None = self
        for _ in range(_DEPTH):
            if folder is None:
                return
            yield folder
            names = folder._folder_names()
            folder = folder._child(names[0]) if len(names) == 1 else None

    def listed(self, suffixes: Sequence[str], *, nested: bool) -> Listing:
        """Files of these suffixes, lower case; ``nested``: those of its folders, too. What is
        hidden is no file.

        Raises: InputError, for a link to a file that is not there.
        """
        files: dict[str, Source] = {}
        others: Counter[str] = Counter()
        walk = self._on_disk("", nested, set()) if self.inside is None else self._in_zip(nested)
        for name, source in walk:
            suffix = os.path.splitext(name)[1].lower()
            if suffix not in suffixes:
                others[suffix] += 1
                continue
            if isinstance(source, os.DirEntry):
                if source.is_symlink() and not source.is_file():
                    raise InputError(
                        f"{source.path}: wanted a file, got a link to "
                        f"{os.readlink(source.path)}, which is not there"
                    )
                files[name] = Path(source.path)
            else:
                files[name] = source
        return Listing(files, others)

    def _child(self, name: str) -> "Folder | None":
        if self.inside is not None:
            inside = f"{self.inside}/{name}".lstrip("/")
            return Folder(self.at, inside) if inside in _index(self.at).folders else None
        if (self.at / name).is_dir():
            return Folder(self.at / name)
        archive = self.at / f"{name}.zip"
        if not archive.is_file():
            return None
        top = Folder(archive, "")
        return top._child(name) or top  # train2017.zip holds train2017/

    def _folder_names(self) -> list[str]:
        if self.inside is not None:
            return _index(self.at).folders[self.inside]
        with os.scandir(self.at) as entries:
            seen = [entry for entry in entries if _is_seen(entry.name)]
        return [
            entry.name.removesuffix(".zip")
            for entry in seen
            if entry.name.endswith(".zip") or entry.is_dir()
        ]

    def _on_disk(
        self, below: str, nested: bool, linked: set[str]
    ) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        with os.scandir(self.at / below) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not _is_seen(entry.name):
                    continue
                if not entry.is_dir():
                    yield below + entry.name, entry
                elif nested:
                    if entry.is_symlink():  # which may lead back here
                        real = os.path.realpath(entry.path)
                        if real in linked:
                            continue
                        linked.add(real)
                    yield from self._on_disk(f"{below}{entry.name}/", nested, linked)

    def _in_zip(self, nested: bool) -> Iterator[tuple[str, ZipMember]]:
        index = _index(self.at)
        assert self.inside is not None
        begin = f"{self.inside}/".lstrip("/")
        for folder, files in index.files.items():
            if folder == self.inside or (nested and f"{folder}/".startswith(begin)):
                for member in files.values():
                    yield member.inside.replace("\\", "/")[len(begin) :], member


def open_folder(path: Path) -> Folder:
    """A folder, a zip file as one, or a folder in a zip file (``data.zip/images``).

    Raises: InputError, where none is.
    """
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        archive = next((above for above in path.parents if above.is_file()), None)
        inside: Folder | None = None
        if archive is not None:
            inside = open_folder(archive).find(path.relative_to(archive).as_posix())
        if inside is None:
            raise InputError(f"{path}: wanted a folder or a zip file, found none")
        return inside
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: wanted a folder or a zip file, got another; unpack it")
    _index(path)
    return Folder(path, "")


@dataclass(frozen=True)
class _Index:
    """What a zip file holds: the folders in each folder, and the files in each by name."""

    folders: Mapping[str, list[str]]
    files: Mapping[str, Mapping[str, ZipMember]]


def _index(archive: Path) -> _Index:
    stat = archive.stat()
    return _indexed(archive, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _indexed(archive: Path, mtime_ns: int, size: int) -> _Index:
    """Raises: InputError, for a damaged archive."""
    folders: dict[str, list[str]] = {"": []}
    files: dict[str, dict[str, ZipMember]] = {}

    def add_folder(folder: str) -> None:
        if folder not in folders:
            folders[folder] = []
            above, _, name = folder.rpartition("/")
            add_folder(above)
            folders[above].append(name)

    try:
        members = _opened(archive).infolist()
    except (zipfile.BadZipFile, OSError) as exc:
        raise InputError(f"{archive}: wanted a whole zip file, got {exc}") from exc
    for member in members:
        folder, _, name = member.filename.replace("\\", "/").rpartition("/")
        if not all(_is_seen(part) for part in (*filter(None, folder.split("/")), name or "d")):
            continue
        add_folder(folder)
        if name:
            source = ZipMember(archive, member.filename, member.file_size)
            files.setdefault(folder, {})[name] = source
    return _Index(folders, files)


def _opened(archive: Path) -> zipfile.ZipFile:
    stat = archive.stat()
    return _open_zip(archive, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _open_zip(archive: Path, mtime_ns: int, size: int) -> zipfile.ZipFile:
    """Opened once a process: threads share it, as its reads are locked."""
    try:
        return zipfile.ZipFile(archive, metadata_encoding="utf-8")  # as macOS writes, unflagged
    except UnicodeDecodeError:
        return zipfile.ZipFile(archive)


os.register_at_fork(after_in_child=_open_zip.cache_clear)  # the place in a file would be shared


def _is_seen(name: str) -> bool:
    return not name.startswith(".") and name not in _JUNK
