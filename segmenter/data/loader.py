"""Feed pictures and labels to training in an order that can resume anywhere.

In:  Samples and a LabelRule.
Out: an endless stream of Batches whose step k holds the same values whether training started
     at step 0 or at step k, and however many workers read the files.

The libraries that wrap this get it wrong by default (accelerate#2016); here the order is
``sample_order(seed, epoch)``, an augmentation depends on (seed, epoch, index), and resuming is
an index computation.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from langseg.cache.errors import LangSegError
from langseg.segmenter.data.augment import augment
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.data.sample import Sample, read_sample

_STREAM = 1  # keeps these random numbers apart from those of the augmentation


@dataclass(frozen=True)
class Batch:
    """``images`` float32 [B, 3, crop, crop] in 0..1; ``labels`` int64 [B, crop, crop]."""

    images: Tensor
    labels: Tensor
    scenes: tuple[str, ...]
    stems: tuple[str, ...]


@lru_cache(maxsize=4)
def sample_order(seed: int, epoch: int, n: int, shares: bytes | None = None) -> NDArray[np.int64]:
    """The order of samples 0..n-1 in an epoch; read-only.

    With ``shares`` (``rare_classes``) n draws by these, so that some come again and some not.
    """
    rng = np.random.default_rng((_STREAM, seed, epoch))
    chances = None if shares is None else np.frombuffer(shares)
    order = rng.permutation(n) if chances is None else rng.choice(n, size=n, p=chances)
    order.setflags(write=False)
    return order


def batches(
    samples: Sequence[Sample],
    rule: LabelRule,
    *,
    seed: int,
    batch_size: int,
    crop: int,
    start_step: int = 0,
    scale: tuple[float, float] = (0.5, 2.0),
    shares: bytes | None = None,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[Batch]:
    """Training batches of steps ``start_step``, ``start_step`` + 1, ... without end.

    Epochs follow each other without a gap, so every batch is full, also when there are fewer
    samples than ``batch_size``. Of the ``world_size`` x ``batch_size`` samples of a step each
    rank takes its own. ``workers`` processes read ahead; 0 reads in this one. ``shares``: of the
    draws that each sample gets (``rare_classes``).
    Raises: InputError, when a file that is due cannot be used; LangSegError, when one of these
    processes was killed.
    """
    first, stride = start_step * world_size + rank, world_size

    def positions() -> Iterator[list[int]]:
        block = first
        while True:
            yield list(range(block * batch_size, (block + 1) * batch_size))
            block += stride

    loader = DataLoader(
        _Crops(samples, rule, seed, crop, scale, shares),
        batch_sampler=positions(),
        num_workers=workers,
        collate_fn=_collate,
        generator=torch.Generator().manual_seed(seed),  # not the global one: that one is training's
        worker_init_fn=_leave_signals if workers else None,
    )
    for batch in _read(loader):
        if isinstance(batch, LangSegError):
            raise batch
        yield Batch(unit_floats(batch.images), batch.labels, batch.scenes, batch.stems)


def _leave_signals(worker: int) -> None:
    """What is sent to a whole process group is for the process that trains: it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _read(loader: DataLoader[Any]) -> Iterator[Any]:
    try:
        yield from loader
    except RuntimeError as exc:  # it has no class of its own
        raise LangSegError(
            f"a process that reads pictures was killed ({str(exc).splitlines()[0]}); give fewer "
            "workers, as each needs memory, also in /dev/shm, or 0 to read in this process"
        ) from exc


_Crop = tuple[NDArray[np.uint8], NDArray[np.int64], Sample]


class _Crops(Dataset[_Crop | LangSegError]):
    """The augmented crop at each position of the endless stream of epochs.

    A fault is a value: raised in a worker it would reach the user as that worker's traceback.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        rule: LabelRule,
        seed: int,
        crop: int,
        scale: tuple[float, float],
        shares: bytes | None,
    ) -> None:
        self._samples, self._rule, self._shares = samples, rule, shares
        self._seed, self._crop, self._scale = seed, crop, scale

    def __getitem__(self, position: int) -> _Crop | LangSegError:
        epoch, place = divmod(position, len(self._samples))
        count = len(self._samples)
        index = int(sample_order(self._seed, epoch, count, self._shares)[place])
        draw = index if self._shares is None else count + place  # one that comes again differs
        try:
            image, labels = read_sample(self._samples[index], self._rule)
        except LangSegError as error:
            return error
        cut, cut_labels = augment(
            image, labels, crop=self._crop, seed=self._seed, epoch=epoch, index=draw,
            scale=self._scale,
        )  # fmt: skip
        return cut, cut_labels, self._samples[index]


def _collate(items: list[_Crop | LangSegError]) -> Batch | LangSegError:
    """A batch whose images are still bytes [B, crop, crop, 3]: workers send a quarter as much."""
    crops: list[_Crop] = []
    for item in items:
        if isinstance(item, LangSegError):
            return item
        crops.append(item)
    return Batch(
        images=torch.from_numpy(np.stack([image for image, _, _ in crops])),
        labels=torch.from_numpy(np.stack([labels for _, labels, _ in crops])),
        scenes=tuple(sample.scene for _, _, sample in crops),
        stems=tuple(sample.stem for _, _, sample in crops),
    )
