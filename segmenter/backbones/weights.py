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

from langseg.cache.errors import CorruptError, InputError, UsageError


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill ``module`` from a safetensors file; float16 and bfloat16 become the module's type.

    Raises: UsageError, for any other suffix; InputError, where there is no file; CorruptError,
    naming the first tensors that are missing, unknown, of another shape, or not finite.
    """
    if path.suffix != ".safetensors":
        raise UsageError(
            f"{path}: wanted weights as .safetensors, got {path.suffix!r}; "
            "convert them with safetensors.torch.save_file"
        )
    try:
        tensors = load_file(path)
    except FileNotFoundError as exc:
        raise InputError(f"{path}: wanted weights, got no file; give one with --weights") from exc
    except (OSError, SafetensorError) as exc:
        raise CorruptError(f"{path}: wanted a safetensors file, got {exc}") from exc
    wanted = module.state_dict()
    tensors = {key: value for key, value in tensors.items() if not _is_classifier(key, wanted)}
    problems = list(_misfits(tensors, wanted))
    if problems:
        raise CorruptError(
            f"{path}: does not fit the model in {len(problems)} tensors, first "
            f"{'; '.join(problems[:3])}; give the weights of this very model"
        )
    module.load_state_dict(tensors)


def _is_classifier(key: str, wanted: Mapping[str, Tensor]) -> bool:
    return key.startswith("head.") and key not in wanted


def _misfits(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[str]:
    for key in sorted(wanted.keys() | tensors.keys()):
        if key not in tensors:
            yield f"{key} is missing"
        elif key not in wanted:
            yield f"{key} is unknown"
        elif tensors[key].shape != wanted[key].shape:
            yield f"{key} wanted {tuple(wanted[key].shape)}, got {tuple(tensors[key].shape)}"
        elif not bool(torch.isfinite(tensors[key]).all()):
            yield f"{key} holds NaN or infinity"
