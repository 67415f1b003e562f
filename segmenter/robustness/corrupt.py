"""Make a picture worse by name, severity and seed.

In:  uint8 [H, W, 3], its class indices [H, W], and which picture of which run it is.
Out: the same for everyone, on any number of threads and in any order: what is random is a function
     of (seed, stem, corruption, severity) alone.

A new corruption is a name, a function, a line in a table below, and its severities in
``corruptions.yaml``.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files as package_files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from langseg.cache.errors import UsageError
from langseg.cache.keys import sha256_hex
from langseg.segmenter.robustness.camera import blur, jpeg, low_resolution, night, noise
from langseg.segmenter.robustness.names import CORRUPTIONS, SEVERITIES
from langseg.segmenter.robustness.objects import clutter, occlusion
from langseg.segmenter.robustness.weather import fog

_OF_OBJECTS: Mapping[str, Callable[..., tuple[NDArray[np.uint8], NDArray[np.int64]]]] = {
    "occlusion": occlusion,
    "clutter": clutter,
}
_OF_PIXELS: Mapping[str, Callable[..., NDArray[np.uint8]]] = {
    "low_resolution": low_resolution,
    "noise": noise,
    "blur": blur,
    "jpeg": jpeg,
    "fog": fog,
    "night": night,
}


def corrupt(
    image: NDArray[np.uint8], labels: NDArray[np.int64], corruption: str, severity: int, *,
    seed: int, stem: str,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:  # fmt: skip
    """The picture made worse, and its class indices, IGNORE where something hides them.

    Args: stem: of the picture's file.
    Raises: UsageError, for a corruption or severity that there is not; InputError.
    """
    strength = parameters(corruption, severity)
    key = sha256_hex(f"{seed}\n{stem}\n{corruption}\n{severity}")
    rng = np.random.default_rng(int(key, 16))
    if corruption in _OF_OBJECTS:
        return _OF_OBJECTS[corruption](image, labels, rng, **strength)
    return _OF_PIXELS[corruption](image, rng, **strength), labels


def parameters(corruption: str, severity: int) -> Mapping[str, float]:
    """How strong a corruption is. Raises: UsageError, for one that there is not."""
    if corruption not in CORRUPTIONS:
        raise UsageError(
            f"corruption {corruption!r}: wanted one of {', '.join(CORRUPTIONS)}, got another"
        )
    if severity not in SEVERITIES:
        raise UsageError(f"severity {severity}: wanted 1 to 5, got another")
    strength: Mapping[str, float] = _stored()[corruption]["severities"][severity - 1]
    return strength


def words(corruption: str) -> str:
    """What a corruption does."""
    return str(_stored()[corruption]["words"])


@cache
def _stored() -> Mapping[str, Any]:
    file = package_files("langseg.segmenter.robustness").joinpath("corruptions.yaml")
    stored: Mapping[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return stored
