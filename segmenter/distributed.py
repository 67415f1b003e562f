"""Let the same training code run in one process or in several under torchrun.

In:  torchrun's environment (WORLD_SIZE, LOCAL_RANK, MASTER_ADDR ...), or none of it.
Out: this process's rank, sums and means over all ranks that do nothing when there is one, and one
     end for all: what one rank raises, every rank raises.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from langseg.cache.errors import LangSegError

# Ranks wait for the one that reads labels or features; one that is gone is noticed at once.
_PATIENCE = timedelta(hours=12)
_SHARED = (LangSegError, OSError, KeyboardInterrupt)  # any other is a bug, and has a traceback
T = TypeVar("T")


@contextmanager
def process_group(device: torch.device) -> Iterator[tuple[int, int]]:
    """Join torchrun's group for the length of the block; yields (rank, world size)."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield 0, 1
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield dist.get_rank(), world_size
    finally:
        dist.destroy_process_group()


def place() -> tuple[int, int]:
    """(rank, world size) inside ``process_group``; (0, 1) outside."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """The sum of every rank's tensor, in place. Raises: LangSegError, where a rank is gone."""
    if dist.is_initialized():
        sent = tensor.cuda() if dist.get_backend() == "nccl" else tensor  # it takes no other
        with _all_there():
            dist.all_reduce(sent)
        if sent is not tensor:
            tensor.copy_(sent)
    return tensor


def of_all_ranks(thing: T) -> list[T]:
    """What each rank gives, in the order of the ranks; it must pickle.

    Raises: LangSegError, where a rank is gone.
    """
    if not dist.is_initialized():
        return [thing]
    things: list[T | None] = [None] * dist.get_world_size()
    with _all_there():
        dist.all_gather_object(things, thing)
    return cast(list[T], things)


def average_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Replace each float tensor by its mean over the ranks, in one message.

    Raises: LangSegError, where a rank is gone.
    """
    if not dist.is_initialized():
        return
    flat = sum_over_ranks(torch.cat([tensor.flatten() for tensor in tensors]))
    flat /= dist.get_world_size()
    means = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, mean in zip(tensors, means, strict=True):
        tensor.copy_(mean.view_as(tensor))


@contextmanager
def all_or_none() -> Iterator[None]:
    """What one rank raises in the block, every rank raises: none waits for one that is gone.

    The block asks nothing of the other ranks. Raises: what the first rank that failed raised.
    """
    fault: BaseException | None = None
    try:
        yield
    except _SHARED as exc:
        if not dist.is_initialized():
            raise
        fault = exc
    if not dist.is_initialized():
        return
    if sum_over_ranks(torch.tensor(float(fault is not None))).item() == 0:
        return
    first = next(each for each in of_all_ranks(fault) if each is not None)
    if isinstance(first, LangSegError):
        first.told_by_another = dist.get_rank() > 0
    raise first


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as exc:  # gloo has no class of its own for a connection that was closed
        gone = LangSegError(
            f"another process of this run is gone ({str(exc).splitlines()[0]}); what ended it "
            "stands above, or in the system's log where memory ran out"
        )
        gone.told_by_another = dist.get_rank() > 0
        raise gone from exc
