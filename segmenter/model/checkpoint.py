"""Keep a training run on disk so that it can resume exactly and be loaded for inference.

In:  a head, its optimiser, and a State that says what they were trained with.
Out: ``<run>/ckpt-000123/`` with model.safetensors (the head alone), optimizer.safetensors and
     state.json; whole or absent, because it is written as ``.tmp``, fsynced and renamed.

The latest checkpoint is found by listing, never by a pointer that could dangle. safetensors does
not checksum its content, so state.json holds the sha256 of both.

A checkpoint may come from anywhere: nothing is unpickled, no link is followed, every value of
state.json has its type and bounds, and names, shapes and types of tensors are compared with those
of the head before any is read or the head is built, so that a bad one is refused in little memory.
"""

import json
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from langseg.cache.bank.load_save import load_bank
from langseg.cache.bank.rules import check_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import CorruptError, InputError, UsageError
from langseg.cache.files import sha256_of, sync_folder, write_atomic
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.cache.validation import problems
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.registry import HEADS, build_head
from langseg.segmenter.model.model import SegModel

FORMAT = 1
MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
KEPT = 2
MAX_STATE_BYTES = 64 * 2**20
_MOMENTS = ("exp_avg", "exp_avg_sq")
_BACK = "go back to an earlier checkpoint"
_Kind = tuple[tuple[int, ...], str]  # shape and type, as safetensors calls it
_NAME = re.compile(r"ckpt-(\d{6,})")


@dataclass(frozen=True, kw_only=True)
class State:
    """What state.json says of a checkpoint.

    ``config``: the run's settings as JSON, ``config["head"]`` those of the head;
    ``backbone``: arguments of ``load_backbone``; ``bank_folder``: relative to the run's folder;
    ``dataset``: hash of the samples' names, scenes and label file sizes; ``pictures``: of their
    file sizes when the run began; ``lengths``: (first step, steps of the whole run), again where
    it was made longer; ``history``: logged losses and scores so far.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    step: Annotated[int, Field(ge=0, le=10**12)]
    config: dict[str, Any]
    backbone: dict[str, Any]
    backbone_id: str
    bank_fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bank_folder: str
    vocabulary_hash: str
    encoder_id: str
    text_width: Annotated[int, Field(ge=1, le=2**16)]
    classes: Annotated[int, Field(ge=1, le=2**16)]
    dataset: str
    pictures: str
    pictures_a_step: Annotated[int, Field(ge=1)]
    lengths: Annotated[tuple[tuple[int, int], ...], Field(min_length=1)]
    history: tuple[dict[str, int | float], ...]


_STATES = TypeAdapter(State)


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
    if (folder / STATE).exists():  # of the same tensors, as of the same step: of other history
        write_atomic(folder / STATE, _state_json(state, _read(folder)[1]))
        return folder
    beside = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        write_atomic(beside / MODEL, save(_contiguous(head.state_dict())))
        write_atomic(beside / OPTIMIZER, save(_optimizer_tensors(head, optimizer)))
        hashes = {name: sha256_of(beside / name) for name in (MODEL, OPTIMIZER)}
        write_atomic(beside / STATE, _state_json(state, hashes))
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)  # a full disk has room for something else
        raise
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


def newest(path: Path) -> Path:
    """The checkpoint meant by a checkpoint's folder, or by its run's. Raises: InputError."""
    try:
        folder = path if (path / STATE).exists() else latest(path)
    except OSError:  # a name that no file can have
        folder = None
    if folder is None:
        raise InputError(f"{path}: wanted a checkpoint or a run with one, got none; train first")
    return folder


def read_state(folder: Path) -> State:
    """Raises: CorruptError, for a state.json that is missing, changed, foreign or impossible."""
    return _read(folder)[0]


def restore(folder: Path, head: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's tensors back into a head and its optimiser. Raises: CorruptError."""
    hashes = _read(folder)[1]
    wanted = _kinds(head.state_dict())
    head.load_state_dict(_tensors(folder / MODEL, wanted, hashes[MODEL]))
    parameters = dict(head.named_parameters())
    path = folder / OPTIMIZER
    trained = {name.rpartition("/")[0] for name in _found(path)}  # the others have no moments yet
    moments: dict[str, _Kind] = {}
    for name in trained & parameters.keys():
        kind = _kind(parameters[name])
        moments |= {
            f"{name}/exp_avg": kind,
            f"{name}/exp_avg_sq": kind,
            f"{name}/step": ((), "F32"),
        }
    tensors = _tensors(path, moments, hashes[OPTIMIZER])
    for name, tensor in tensors.items():
        if not name.endswith("/exp_avg") and bool((tensor < 0).any()):
            raise CorruptError(f"{path}: wanted {name} of 0 or more, got less; {_BACK}")
    for name in trained:
        optimizer.state[parameters[name]] = {
            moment: tensors[f"{name}/{moment}"].to(parameters[name].device) for moment in _MOMENTS
        } | {"step": tensors[f"{name}/step"]}


def load_checkpoint(
    path: Path, *, bank: TextBank | None = None, backbone: FrozenViT | None = None,
    weights: Path | None = None, device: torch.device | str = "cpu",
) -> Loaded:  # fmt: skip
    """A trained model for inference.

    Args:
        path: a checkpoint's folder, or a run's, which stands for its latest checkpoint.
        bank: another vocabulary or an arm, of the same text encoder; without it, the bank that
            was trained with.
        backbone: one already loaded; without it, the one that the checkpoint names.
        weights: its weights, instead of the file or the hub that it was trained from; without
            it, a file that is gone is looked for beside the run, by its name.

    Raises: InputError, where no weights are; CorruptError, for damage and for a bank or backbone
    that does not fit, both named.
    """
    folder = newest(path)
    state, hashes = _read(folder)
    if bank is None:
        bank = own_bank(folder.parent / state.bank_folder)
    check_fits(state, bank)
    if backbone is None:
        backbone = load_backbone(**_backbone_source(folder.parent, state, weights))
    check_backbone(folder, state, backbone)
    build = partial(
        build_head, HeadConfig(**state.config["head"]), width=backbone.width,
        patch=backbone.patch, text_width=state.text_width, classes=state.classes,
        taps=len(backbone.taps),
    )  # fmt: skip
    with torch.device("meta"):  # shapes without memory
        wanted = _kinds(build().state_dict())
    tensors = _tensors(folder / MODEL, wanted, hashes[MODEL])
    head = build()
    head.load_state_dict(tensors)
    return Loaded(SegModel(backbone, head).to(device).eval(), bank, state)


def _backbone_source(run: Path, state: State, weights: Path | None) -> dict[str, Any]:
    """Arguments of ``load_backbone``; whether these are the weights that the head was trained on,
    their digest tells."""
    source = dict(state.backbone)
    if weights is not None:
        return source | {"weights": weights, "pretrained": False, "revision": None}
    if source["weights"] is not None:
        trained_from = Path(source["weights"])
        near = (folder / trained_from.name for folder in (run, run.parent))
        source["weights"] = next(
            (path for path in (trained_from, *near) if path.is_file()), trained_from
        )
    return source


def own_bank(folder: Path) -> TextBank:
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


def check_backbone(folder: Path, state: State, backbone: FrozenViT) -> None:
    """Raises: CorruptError, naming both, for other weights and for other taps."""
    check_same(folder, "backbone", state.backbone_id, backbone.backbone_id)
    check_same(folder, "taps", list(state.backbone["taps"]), list(backbone.taps))


def check_same(where: object, what: str, wanted: object, got: object) -> None:
    """Raises: CorruptError, naming both, unless they are equal."""
    if wanted != got:
        raise CorruptError(
            f"{where}: wanted {what} {wanted}, as in the checkpoint, got {got}; "
            "give what it was trained with, or train anew in another folder"
        )


def _read(folder: Path) -> tuple[State, dict[str, str]]:
    """What state.json says, and the sha256 of the files beside it."""
    path = folder / STATE
    size = _plain_file(path)
    if size > MAX_STATE_BYTES:
        raise CorruptError(f"{path}: wanted at most {MAX_STATE_BYTES} bytes, got {size}; {_BACK}")
    try:
        content = from_json(path.read_bytes(), allow_inf_nan=False)  # of bounded depth
    except (OSError, ValueError) as exc:
        raise CorruptError(f"{folder}: wanted a LangSeg checkpoint, got {exc}") from exc
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CorruptError(f"{path}: wanted checkpoint format {FORMAT}; train again")
    checksum, hashes = content.pop("checksum", None), content.pop("sha256", None)
    try:
        state = _STATES.validate_json(json.dumps(content))
        changed = not isinstance(hashes, dict) or checksum != _checksum(state, hashes)
    except ValidationError as exc:
        raise CorruptError(f"{path}: the file was changed ({problems(exc)}); {_BACK}") from None
    except (TypeError, ValueError):
        changed = True
    if changed or hashes.keys() != {MODEL, OPTIMIZER}:
        raise CorruptError(f"{path}: the file was changed; {_BACK}")
    _check_inside(path, state)
    return state, hashes


def _check_inside(path: Path, state: State) -> None:
    """Raises: CorruptError, for what the state's own types do not say."""
    wrong = None
    if state.bank_folder != f"banks/{state.bank_fingerprint}":
        wrong = f"bank_folder {state.bank_folder!r}"
    config = state.config
    for name, most in (("crop", 2**14), ("feature_side", 2**14)):
        value = config.get(name)
        if not isinstance(value, int) or not 0 <= value <= most:
            wrong = f"config {name} {value!r}"
    if not isinstance(config.get("unseen"), list):
        wrong = f"config unseen {config.get('unseen')!r}"
    if state.backbone.keys() != {field.name for field in fields(BackboneSource)}:
        wrong = f"backbone of {', '.join(state.backbone)}"
    try:
        HeadConfig(**config.get("head", {}))
    except (UsageError, TypeError) as exc:
        wrong = str(exc)
    if wrong is not None:
        raise CorruptError(f"{path}: no run of LangSeg's has {wrong[:200]}; {_BACK}")


def _plain_file(path: Path) -> int:
    """Its bytes. Raises: CorruptError, for none, and for a link or device, which may lead
    anywhere or never end."""
    try:
        found = path.lstat()
    except OSError as exc:
        raise CorruptError(
            f"{path.parent}: wanted a LangSeg checkpoint, got no {path.name} ({exc.strerror})"
        ) from exc
    if not stat.S_ISREG(found.st_mode):
        raise CorruptError(f"{path}: wanted a plain file, got a link or something else; {_BACK}")
    return found.st_size


def _kind(tensor: Tensor) -> _Kind:
    return tuple(tensor.shape), "I64" if tensor.dtype == torch.int64 else "F32"


def _kinds(tensors: Mapping[str, Tensor]) -> dict[str, _Kind]:
    return {name: _kind(tensor) for name, tensor in tensors.items()}


def _found(path: Path) -> dict[str, _Kind]:
    """Names, shapes and types of a file's tensors, of which none is read. Raises: CorruptError."""
    _plain_file(path)
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except (OSError, ValueError, SafetensorError) as exc:
        raise CorruptError(f"{path}: the file is damaged ({exc}); {_BACK}") from exc


def _tensors(path: Path, wanted: Mapping[str, _Kind], sha256: str) -> dict[str, Tensor]:
    """All tensors of a file, if they are the wanted ones. Raises: CorruptError."""
    found = _found(path)
    wrong = [
        f"{name} {_words(wanted.get(name))}, got {_words(found.get(name))}"
        for name in {**wanted, **found}
        if wanted.get(name) != found.get(name)
    ]
    if wrong:
        raise CorruptError(f"{path}: wanted {'; '.join(wrong[:3])}; {_BACK}")
    if (got := sha256_of(path)) != sha256:
        raise CorruptError(
            f"{path}: wanted sha256 {sha256}, got {got}; the file is damaged, {_BACK}"
        )
    tensors: dict[str, Tensor] = load_file(path)
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise CorruptError(f"{path}: wanted numbers in {name}, got NaN or infinity; {_BACK}")
    return tensors


def _words(kind: _Kind | None) -> str:
    return "none" if kind is None else f"{kind[1]} {list(kind[0])}"


def _checkpoints(run: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    if not run.is_dir():
        return []
    named = [(match, path) for path in run.iterdir() if (match := _NAME.fullmatch(path.name))]
    whole = [(int(match[1]), path) for match, path in named if (path / STATE).exists()]
    return [path for _, path in sorted(whole)]


def _state_json(state: State, hashes: Mapping[str, str]) -> bytes:
    content = {"format": FORMAT, "checksum": _checksum(state, hashes), "sha256": dict(hashes)}
    return json.dumps(content | asdict(state), indent=1).encode()


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
