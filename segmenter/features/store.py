"""Keep feature maps in a folder that all runs share: whole or not at all, by name.

In:  a folder, what decides the maps (the key of a set), and maps.
Out: windows of maps that were put there by any process; None where there is none, or a damaged one.

``<folder>/<set>/<name>.safetensors`` holds the taps of one view of one picture, float16
[taps, h, w, d], and its image token, float32 [d]. A file is written beside and renamed, so a
killed process leaves none that is half; it is not synced, because a checksum tells what a power
cut left of it, and it can be computed again. Of a file only the pages of a window are read.
"""

import errno
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from langseg.cache.files import temporary_beside
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.segmenter.data.augment import Window

FORMAT = 1  # in every key: another number where pixels, views or the layout of a file change
MAX_HELD = 8 * 2**30  # bytes of maps in memory, for a run that has no folder it can write to
OVERHEAD = 512  # bytes of a file beyond its maps
SUFFIX = ".safetensors"
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, kw_only=True)
class FeatureFolder:
    """Where features are kept; a ``path`` of None is memory, for the length of a run."""

    path: Path | None = None
    max_bytes: int = MAX_HELD


IN_MEMORY = FeatureFolder()


class Maps(NamedTuple):
    """Of one view of a picture: ``taps`` float16 [taps, h, w, d], ``cls`` float32 [d]."""

    taps: Tensor
    cls: Tensor


class FeatureStore:
    """All maps of a folder that have the same key; ``folder`` is None where they are in memory.

    Args: key: what decides the maps, but for the picture and its view, which are their name.
    """

    def __init__(self, where: FeatureFolder, key: Mapping[str, Any]) -> None:
        self.where = where
        self.card = canonical_json({"format": FORMAT, **key})
        self.folder = None if where.path is None else where.path / sha256_hex(self.card)[:16]
        self.writable = self.folder is not None
        self._held: dict[str, Maps] = {}
        self._checked: set[str] = set()

    def file(self, name: str) -> Path:
        """Where a map is, or would be."""
        assert self.folder is not None
        return self.folder / f"{name}{SUFFIX}"

    def has(self, name: str) -> bool:
        """Whether a map is there, as far as its name tells."""
        return name in self._held or (self.folder is not None and self.file(name).exists())

    def read(self, name: str, shape: tuple[int, ...], window: Window) -> Maps | None:
        """A window, in tokens, of a map of ``shape`` [taps, h, w, d].

        A file that is damaged, or is not what its name says, is thrown away.
        """
        top, left, high, wide = window
        rows, columns = slice(top, top + high), slice(left, left + wide)
        if held := self._held.get(name):
            return Maps(held.taps[:, rows, columns], held.cls)
        if self.folder is None:
            return None
        try:
            with safe_open(self.file(name), "pt") as file:
                if name not in self._checked:
                    _check(file, shape)
                    self._checked.add(name)
                return Maps(file.get_slice("taps")[:, rows, columns], file.get_tensor("cls"))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError):
            with suppress(OSError):
                self.file(name).unlink()
            return None

    def put(self, name: str, maps: Maps) -> None:
        """Keep a map, in memory where the folder cannot be written to. Raises: OSError, for a full
        or broken disk."""
        if self.writable:
            try:
                self._write(self.file(name), maps)
                return
            except OSError as exc:
                if exc.errno not in UNWRITABLE:
                    raise
                self.writable = False
        self._held[name] = maps

    def _write(self, path: Path, maps: Maps) -> None:
        tensors = {"taps": maps.taps.contiguous(), "cls": maps.cls.contiguous()}
        beside = temporary_beside(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(save(tensors, {"crc32": str(_crc32(*tensors.values()))}))
            beside.replace(path)
        except BaseException:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise


def _check(file: Any, shape: tuple[int, ...]) -> None:
    """Read all of a file, once. Raises: OSError, unless it is whole and of this shape."""
    taps, cls = file.get_tensor("taps"), file.get_tensor("cls")
    if taps.dtype != torch.float16 or tuple(taps.shape) != shape:
        raise OSError(f"wanted float16 {shape}, got {taps.dtype} {tuple(taps.shape)}")
    if (file.metadata() or {}).get("crc32") != str(_crc32(taps, cls)):
        raise OSError("changed bytes")


def _crc32(*tensors: Tensor) -> int:
    value = 0
    for tensor in tensors:
        value = zlib.crc32(tensor.numpy().data.cast("B"), value)
    return value
