"""Keep a training run on disk so that it can resume exactly and be loaded for inference.

In:  a head, its optimiser, and a State that says what they were trained with.
Out: ``<run>/ckpt-000123/`` with model.safetensors (the head alone), optimizer.safetensors and
     state.json; whole or absent, because it is written as ``.tmp``, fsynced and renamed.

The latest checkpoint is found by listing, never by a pointer that could dangle. Nothing is ever
unpickled. safetensors does not checksum its content, so state.json holds the sha256 of both.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from langseg.cache.bank.load_save import load_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import CorruptError
from langseg.cache.files import sha256_of, sync_folder, write_atomic
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.backbones.weights import load_weights
from langseg.segmenter.heads.base import HeadConfig
from langseg.segmenter.heads.registry import HEADS, build_head
from langseg.segmenter.model.model import SegModel

FORMAT = 1
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
KEPT = 2
_NAME = re.compile(r"ckpt-(\d{6,})")


@dataclass(frozen=True, kw_only=True)
class State:
    """What state.json says of a checkpoint.

    ``config``: the run's settings as JSON, ``config["head"]`` those of the head;
    ``backbone``: arguments of ``load_backbone``; ``bank_folder``: relative to the run's folder;
    ``dataset``: hash of the samples' names, scenes and file sizes; ``history``: logged losses and
    scores so far.
    """

    step: int
    config: dict[str, Any]
    backbone: dict[str, Any]
    backbone_id: str
    bank_fingerprint: str
    bank_folder: str
    vocabulary_hash: str
    encoder_id: str
    text_width: int
    classes: int
    dataset: str
    world_size: int
    history: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Loaded:
    """A model ready to answer, the bank it should be asked with, and its record."""

    model: SegModel
    bank: TextBank
    state: State


def save_checkpoint(
    run: Path, head: nn.Module, optimizer: torch.optim.Optimizer, state: State
) -> Path:
    """Write ``run/ckpt-<step>`` and keep the last KEPT. Raises: OSError."""
    folder = run / f"ckpt-{state.step:06d}"
    beside = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    write_atomic(beside / MODEL, save(_contiguous(head.state_dict())))
    write_atomic(beside / OPTIMIZER, save(_optimizer_tensors(head, optimizer)))
    hashes = {name: sha256_of(beside / name) for name in (MODEL, OPTIMIZER)}
    content = {"format": FORMAT, "checksum": _checksum(state, hashes), "sha256": hashes}
    write_atomic(beside / STATE, json.dumps(content | asdict(state), indent=1).encode())
    shutil.rmtree(folder, ignore_errors=True)  # left half deleted by a killed process
    beside.rename(folder)
    sync_folder(run)
    for old in _checkpoints(run)[:-KEPT]:
        shutil.rmtree(old)
    return folder


def latest(run: Path) -> Path | None:
    """The newest complete checkpoint of a run; one cut off while written is not complete."""
    complete = _checkpoints(run)
    return complete[-1] if complete else None


def read_state(folder: Path) -> State:
    """Raises: CorruptError, for a state.json or tensors that are missing, changed or foreign."""
    path = folder / STATE
    try:
        content = json.loads(path.read_bytes())
        hashes = {name: sha256_of(folder / name) for name in (MODEL, OPTIMIZER)}
    except (OSError, ValueError) as exc:
        raise CorruptError(f"{folder}: wanted a LangSeg checkpoint, got {exc}") from exc
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CorruptError(f"{path}: wanted checkpoint format {FORMAT}; train again")
    try:
        checksum, wanted = content.pop("checksum"), content.pop("sha256")
        state = State(**content | {"history": tuple(content["history"])})
        changed = checksum != _checksum(state, wanted)
    except (KeyError, TypeError, ValueError):
        changed = True
    if changed:
        raise CorruptError(f"{path}: the file was changed; go back to an earlier checkpoint")
    for name, sha256 in hashes.items():
        if wanted[name] != sha256:
            raise CorruptError(
                f"{folder / name}: wanted sha256 {wanted[name]}, got {sha256}; the file is "
                "damaged, go back to an earlier checkpoint"
            )
    return state


def restore(folder: Path, head: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's tensors back into a head and its optimiser. Raises: CorruptError."""
    load_weights(head, folder / MODEL)
    tensors = load_file(folder / OPTIMIZER)
    for name, parameter in head.named_parameters():
        prefix = name + "/"
        optimizer.state[parameter] = {
            key.removeprefix(prefix): value if key.endswith("/step") else value.to(parameter.device)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }


def load_checkpoint(
    path: Path, *, bank: TextBank | None = None, backbone: FrozenViT | None = None,
    device: torch.device | str = "cpu",
) -> Loaded:  # fmt: skip
    """A trained model for inference.

    Args:
        path: a checkpoint's folder, or a run's, which stands for its latest checkpoint.
        bank: another vocabulary or an arm, of the same text encoder; without it, the bank that
            was trained with.
        backbone: one already loaded; without it, the one that the checkpoint names.

    Raises: CorruptError, for damage and for a bank or backbone that does not fit, both named.
    """
    folder = path if (path / STATE).exists() else latest(path)
    if folder is None:
        raise CorruptError(f"{path}: wanted a checkpoint or a run with one, got none; train first")
    state = read_state(folder)
    if bank is None:
        bank = _own_bank(folder.parent / state.bank_folder)
    check_fits(state, bank)
    if backbone is None:
        weights = state.backbone["weights"]
        backbone = load_backbone(
            **state.backbone | {"weights": None if weights is None else Path(weights)}
        )
    check_same(folder, "backbone", state.backbone_id, backbone.backbone_id)
    head = build_head(
        HeadConfig(**state.config["head"]), width=backbone.width, patch=backbone.patch,
        text_width=state.text_width, classes=state.classes,
    )  # fmt: skip
    load_weights(head, folder / MODEL)
    return Loaded(SegModel(backbone, head).to(device).eval(), bank, state)


def _own_bank(folder: Path) -> TextBank:
    """The bank in a run's folder, all of it verified; `langseg-desc bank` builds none there."""
    try:
        bank = load_bank(folder)
        check_bank(bank)
    except CorruptError as exc:
        raise CorruptError(
            f"{exc}; build it anew with `langseg-desc bank`, or `arms` where it is a control, "
            "and give it with `--bank FOLDER`"
        ) from exc
    return bank


def check_fits(state: State, bank: TextBank) -> None:
    """A head reads any bank of its text encoder; one without text only what it was trained with.

    Raises: CorruptError, naming both.
    """
    wanted = f"{state.encoder_id} ({state.text_width}-d)"
    got = f"{bank.encoder_id} ({bank.emb.shape[-1]}-d)"
    check_same("the bank", "text encoder", wanted, got)
    kind = HeadConfig(**state.config["head"]).kind
    if not HEADS[kind].reads_text:
        where = f"a {kind} head knows one vocabulary only"
        check_same(where, "bank", state.bank_fingerprint, bank.fingerprint)


def check_same(where: object, what: str, wanted: object, got: object) -> None:
    """Raises: CorruptError, naming both, unless they are equal."""
    if wanted != got:
        raise CorruptError(
            f"{where}: wanted {what} {wanted}, as in the checkpoint, got {got}; "
            "give what it was trained with, or train anew in another folder"
        )


def _checkpoints(run: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    if not run.is_dir():
        return []
    named = [(match, path) for path in run.iterdir() if (match := _NAME.fullmatch(path.name))]
    whole = [(int(match[1]), path) for match, path in named if (path / STATE).exists()]
    return [path for _, path in sorted(whole)]


def _checksum(state: State, hashes: Mapping[str, str]) -> str:
    return sha256_hex(canonical_json({"state": asdict(state), "sha256": hashes}))


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _optimizer_tensors(head: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """AdamW's moments and step, by the name of their parameter."""
    return _contiguous(
        {
            f"{name}/{key}": value
            for name, parameter in head.named_parameters()
            for key, value in optimizer.state[parameter].items()
        }
    )
