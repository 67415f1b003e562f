"""Get a timm model's published weights from the Hugging Face hub, or say why they cannot be had.

In:  a timm model's name, maybe a revision of its repository.
Out: a safetensors file in the hub's own cache folder, and the commit that it is of.

Only safetensors are asked for: left to itself timm takes a pickle where it finds nothing else
(timm#1677). The hub's library keeps what it got, resumes what was cut, and reads ``HF_ENDPOINT``,
``HF_TOKEN``, ``HF_HOME`` and ``HF_HUB_OFFLINE``.
"""

from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from langseg.cache.errors import UpstreamError, UsageError

_RESTARTS = 3  # from the first byte; a server that can resume needs none


class _Bar(tqdm):
    """The library's own bar, which ends a download that never gets further than it was.

    The library itself starts one anew without end where the connection is cut each time.
    """

    restarts = 0

    def update(self, n: float | None = 1) -> bool:
        """Args: n: bytes that came; below 0 those that have to come again."""
        self.restarts += (n or 0) < 0
        if self.restarts >= _RESTARTS:
            raise OSError(f"cut {_RESTARTS} times, the last time after {-(n or 0)} bytes")
        return bool(super().update(n))


def hub_weights(name: str, revision: str | None) -> tuple[Path, str]:
    """The file and its commit.

    Args: revision: a commit, tag or branch; without one what timm pins, else the newest.
    Raises: UsageError, for a model of which timm knows no published weights; UpstreamError.
    """
    config: Any = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id or config.custom_load == "hf":
        raise UsageError(
            f"backbone {name!r}: wanted published safetensors, timm knows none; use --weights FILE"
        )
    repository, _, pinned = config.hf_hub_id.partition("@")
    of_clip = (config.hf_hub_filename or "").startswith("open_clip")
    file = "open_clip_model.safetensors" if of_clip else "model.safetensors"
    at = revision or pinned or "main"
    try:
        path = Path(hf_hub_download(repository, file, revision=at, tqdm_class=_Bar))
    except Exception as exc:  # hub, HTTP and file errors share no base class
        cause = exc if isinstance(exc, HfHubHTTPError) else exc.__cause__ or exc
        raise UpstreamError(
            f"backbone {name!r}: wanted {file} of {repository} at {at}; "
            f"{_reason(repository, cause)}, or fetch the file yourself and give it "
            "with --weights"
        ) from exc
    return path, path.parent.name  # snapshots/<commit>/model.safetensors


def _reason(repository: str, cause: BaseException) -> str:
    """What the hub did instead, and what to do next."""
    status = cause.response.status_code if isinstance(cause, HfHubHTTPError) else 0
    if status in (401, 403):
        return (
            f"the hub gives it only to those it knows ({status}): accept the licence at "
            f"https://huggingface.co/{repository}, put a token of yours in HF_TOKEN, run it again"
        )
    if isinstance(cause, OfflineModeIsEnabled):
        return "it is not in the hub's cache and HF_HUB_OFFLINE forbids asking: unset that"
    if isinstance(cause, RevisionNotFoundError):
        return "there is no such revision: give another, or none for the newest"
    if isinstance(cause, RepositoryNotFoundError):
        return "there is no such repository: give another name"
    if status == 404:
        return "the hub has no such file, and a pickle is never loaded: give another name"
    said = f"{status}" if status else str(cause).strip().partition("\n")[0] or type(cause).__name__
    return f"the hub did not deliver it ({said}): see that it is reached and run it again"
