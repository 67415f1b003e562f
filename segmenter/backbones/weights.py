"""Fill a module from a safetensors file, or say what does not fit.

In:  a module (a backbone, or a trained head) and a file.
Out: the module with the file's values.

Never a pickle: it can run code when it is read.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from langseg.cache.counted import counted
from langseg.cache.errors import CorruptError, InputError, UsageError


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill ``module`` from a safetensors file that has its very names.

    Raises: as ``read_tensors`` and ``fill``.
    """
    fill(module, read_tensors(path), path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """What a safetensors file holds.

    Raises: UsageError, for any other suffix; InputError, where there is no file; CorruptError.
    """
    if path.suffix != ".safetensors":
        raise UsageError(
            f"{path}: wanted weights as .safetensors, got {path.suffix!r}; "
            "convert them with safetensors.torch.save_file"
        )
    try:
        return load_file(path)
    except FileNotFoundError as exc:
        raise InputError(f"{path}: wanted weights, got no file; give one with --weights") from exc
    except (OSError, SafetensorError) as exc:
        raise CorruptError(f"{path}: wanted a safetensors file, got {exc}") from exc


def fill(module: nn.Module, tensors: Mapping[str, Tensor], where: object) -> None:
    """Fill ``module``; float16 and bfloat16 become the module's type.

    Raises: CorruptError, naming the first tensors that are missing, unknown, of another shape or
    type, or not finite.
    """
    wanted = module.state_dict()
    problems = list(_misfits(tensors, wanted))
    if problems:
        raise CorruptError(
            f"{where}: does not fit the model in {counted(len(problems), 'tensor')}, first "
            f"{'; '.join(problems[:3])}; give the weights of this very model"
        )
    module.load_state_dict(tensors)


def _misfits(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[str]:
    for key in sorted(wanted.keys() | tensors.keys()):
        if key not in tensors:
            yield f"{key} is missing"
        elif key not in wanted:
            yield f"{key} is unknown"
        elif tensors[key].shape != wanted[key].shape:
            yield f"{key} wanted {tuple(wanted[key].shape)}, got {tuple(tensors[key].shape)}"
        elif tensors[key].is_floating_point() != wanted[key].is_floating_point():
            yield f"{key} wanted {wanted[key].dtype}, got {tensors[key].dtype}"
        elif not bool(torch.isfinite(tensors[key].float()).all()):
            yield f"{key} holds NaN or infinity"
