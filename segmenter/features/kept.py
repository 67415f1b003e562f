"""Run the frozen backbone once over every view of every picture, and keep what it says.

In:  a frozen backbone, Samples, the side they are read at, how many views, and a folder.
Out: KeptFeatures: the maps of a view, or a window of them, whether this run computed them, an
     earlier one or one beside it.

Each view is computed by itself, so its bits do not depend on what else was missing. Processes that
fill one folder at the same time, ranks or runs, go through the pictures in orders of their own and
leave out what another has done: so they share the work without a word to each other.
"""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import prod
from typing import Any, NamedTuple

import numpy as np
import PIL
import timm
import torch
from numpy.typing import NDArray

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.segmenter.backbones.vit import Features, FrozenViT
from langseg.segmenter.data.augment import Window
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.data.sample import (
    OnProgress,
    Sample,
    picture_size,
    read_picture,
    unheard,
)
from langseg.segmenter.distributed import all_or_none, of_all_ranks, place
from langseg.segmenter.features.room import make_room, mark, refused
from langseg.segmenter.features.store import (
    IN_MEMORY,
    OVERHEAD,
    FeatureFolder,
    FeatureStore,
    Maps,
)
from langseg.segmenter.features.views import MIRRORED, PLAIN, View, view_of, view_pixels

_HASH = 32  # hex digits of a picture's sha256 that name its maps
_MOST = torch.finfo(torch.float16).max


class _Picture(NamedTuple):
    """sha256 of its file, its height and width."""

    digest: str
    height: int
    width: int


class KeptFeatures:
    """Features of ``views`` views of every sample, all of them kept once this is built.

    Args:
        side: short side in pixels that pictures are read at, their sides rounded to multiples of
            ``unit``, as the head needs them.
        views: of each picture: itself, its mirror image, and others at a random ``scale``, in
            another light, mirrored or not (``views.view_of``).
        instead: what a person can do who cannot keep them, for a message.

    Raises: InputError, for files that cannot be used and for features that float16 cannot hold;
    LangSegError, for a disk that cannot hold them; as ``room.make_room``.
    """

    def __init__(
        self, backbone: FrozenViT, samples: Sequence[Sample], *, side: int, unit: int,
        views: int = 1, scale: tuple[float, float] = (0.5, 2.0), where: FeatureFolder = IN_MEMORY,
        instead: str = "do without", on_progress: OnProgress = unheard,
    ) -> None:  # fmt: skip
        self.patch, self.views = backbone.patch, views
        self._backbone, self._samples = backbone, samples
        self._places = {sample: index for index, sample in enumerate(samples)}
        self._side, self._unit, self._scale = side, unit, scale
        self._instead = instead
        self._store = FeatureStore(where, _key(backbone, side, unit))
        self._pictures = [_Picture("", 0, 0)] * len(samples)
        rank, world_size = place()
        mine: list[_Picture] = []
        with all_or_none(), ThreadPoolExecutor() as threads:
            for picture in threads.map(_picture, part := samples[rank::world_size]):
                mine.append(picture)
                on_progress("looking for kept features", len(mine), len(part))
        for first, of_one in enumerate(of_all_ranks(mine)):
            self._pictures[first::world_size] = of_one
        with all_or_none():
            if rank == 0:
                self._mark = mark(self._store)
                self._make_room()
        with all_or_none():
            if rank > 0:
                self._mark = mark(self._store)
            try:
                self._fill(on_progress)
            except KeyboardInterrupt as exc:
                if self._store.writable:
                    exc.add_note("the features that were read are kept")
                raise

    def view(self, index: int, number: int) -> View:
        """View ``number`` of sample ``index``."""
        return view_of(
            number, *self._pictures[index], side=self._side, unit=self._unit, scale=self._scale
        )

    def maps(self, index: int, number: int, window: Window | None = None) -> Maps:
        """A window, in tokens, of a view; all of it without one.

        What is gone or damaged is computed again. Raises: InputError, for a picture that has
        changed since this was built.
        """
        name, shape = self._name(index, number), self._shape(index, number)
        top, left, high, wide = window or (0, 0, *shape[1:3])
        found = self._store.read(name, shape, (top, left, high, wide))
        if found is not None:
            return found
        taps, cls = self._computed(index, number, self._pixels(index))
        with suppress(OSError):  # what is kept spares time, and is not needed
            self._store.put(name, Maps(taps, cls))
        return Maps(taps[:, top : top + high, left : left + wide], cls)

    def whole(self, sample: Sample) -> Features:
        """What the backbone says of the picture of one of the samples, as a batch of one."""
        return features_of([self.maps(self._places[sample], PLAIN)], self.patch)

    def _make_room(self) -> None:
        every = range(len(self._samples))
        names = {self._name(i, n) for i in every for n in range(self.views)}
        pictures, views = counted(len(self._samples), "picture"), counted(self.views, "view")
        what = f"features of {views} of {pictures} at short side {self._side}"
        more = self._missing_bytes(every)
        make_room(self._store, names, more, what, self._instead, self._mark)

    def _fill(self, on_progress: OnProgress) -> None:
        todo = [i for i in range(len(self._samples)) if self._missing(i)]
        todo = [todo[i] for i in np.random.default_rng().permutation(len(todo))]
        for done, index in enumerate(todo, start=1):
            missing = self._missing(index)  # another process may have been here
            pixels = self._pixels(index) if missing else None
            for number in missing:
                on_progress("reading features", done - 1, len(todo))  # who listens may stop it
                assert pixels is not None
                maps = self._computed(index, number, pixels)
                try:
                    self._store.put(self._name(index, number), maps)
                except OSError as exc:
                    more = self._missing_bytes(todo[done - 1 :])
                    raise refused(self._store, exc, more) from exc
            on_progress("reading features", done, len(todo))

    def _computed(self, index: int, number: int, image: NDArray[np.uint8]) -> Maps:
        pixels = unit_floats(view_pixels(image, self.view(index, number)))
        features = self._backbone(pixels[None].to(next(self._backbone.buffers()).device))
        taps = torch.cat([tap.permute(0, 2, 3, 1) for tap in features.taps])
        half = taps.half().cpu()
        if not bool(torch.isfinite(half).all()):
            raise InputError(
                f"{self._samples[index].image}: wanted features that float16 holds, finite and "
                f"within {_MOST:.0f}, got up to {taps.abs().max():.0f} from "
                f"{self._backbone.backbone_id}; {self._instead}, or take another backbone"
            )
        return Maps(half, features.cls[0].cpu())

    def _pixels(self, index: int) -> NDArray[np.uint8]:
        sample = self._samples[index]
        image = read_picture(sample)
        if _picture(sample) != self._pictures[index]:
            raise InputError(
                f"{sample.image}: wanted the picture that was there when this run began, got "
                "another; run the same command again"
            )
        return image

    def _name(self, index: int, number: int) -> str:
        changed = "" if number in (PLAIN, MIRRORED) else "-{:g}-{:g}".format(*self._scale)
        return f"{self._pictures[index].digest[:_HASH]}-{number}{changed}"

    def _shape(self, index: int, number: int) -> tuple[int, int, int, int]:
        """[taps, h, w, d]."""
        _, _, height, width = self.view(index, number).window
        taps, d = len(self._backbone.taps), self._backbone.width
        return taps, height // self.patch, width // self.patch, d

    def _missing(self, index: int) -> list[int]:
        return [n for n in range(self.views) if not self._store.has(self._name(index, n))]

    def _missing_bytes(self, indices: Iterable[int]) -> int:
        """Of the files still to be kept; a picture counts once however often it is a sample."""
        sizes = {
            self._name(i, n): 2 * prod(self._shape(i, n)) + 4 * self._backbone.width + OVERHEAD
            for i in indices
            for n in self._missing(i)
        }
        return sum(sizes.values())


def features_of(windows: Sequence[Maps], patch: int) -> Features:
    """One batch of windows of one size, in float32."""
    taps = torch.stack([window.taps for window in windows]).float().permute(1, 0, 4, 2, 3)
    padded = (taps.shape[-2] * patch, taps.shape[-1] * patch)
    return Features(tuple(taps), torch.stack([window.cls for window in windows]), padded)


def _key(backbone: FrozenViT, side: int, unit: int) -> dict[str, Any]:
    """All that decides a map, but for the picture and the view.

    timm interpolates position embeddings and Pillow resizes, each release in its own way.
    """
    on_gpu = next(backbone.buffers()).is_cuda
    return {
        "backbone": backbone.backbone_id, "taps": list(backbone.taps), "side": side, "unit": unit,
        "precision": "bfloat16" if on_gpu else "float32",
        "timm": timm.__version__, "pillow": PIL.__version__,
    }  # fmt: skip


def _picture(sample: Sample) -> _Picture:
    try:
        digest = hashlib.sha256(sample.image.read_bytes())
    except OSError as exc:
        raise InputError(f"{sample.image}: cannot be read ({exc.strerror})") from exc
    if sample.window is not None or sample.page is not None:
        digest.update(f"{sample.window} {sample.page}".encode())
    return _Picture(digest.hexdigest(), *picture_size(sample))
