"""Run stage two: images + TextBank -> training -> scores -> masks.

In:  settings, a dataset folder, a store (or a bank).
Out: run folders, scores and pictures; what was done, as a JSON-able dict with a ``sentence``.
"""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from langseg.cache.bank.text_bank import TextBank, load_bank, newest_bank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.files import write_atomic
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.settings import Settings, load_config
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.data.images import decode_image
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.find import find_samples
from langseg.segmenter.evaluation.evaluate import evaluate, evaluate_predictions
from langseg.segmenter.evaluation.metrics import Scores, seen_unseen
from langseg.segmenter.inference.mask_files import encode_png, index_png
from langseg.segmenter.inference.overlay import overlay
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import STATE
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, labelled_scene
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.train import train

EVALUATION = "eval.json"


class TrainSettings(Settings):
    """Where a run reads and writes; ``training`` is what it computes."""

    dataset: str = "ade20k"
    data: Path | None = None
    store: Path = DEFAULT_STORE
    bank: Path | None = None
    out: Path = Path("runs/train")
    backbone: str = "demo"
    weights: Path | None = None
    pretrained: bool = False
    device: str = "auto"
    workers: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    log_every: int = Field(50, ge=1)
    training: TrainConfig = TrainConfig()


class EvalSettings(Settings):
    """What is scored, against what; ``predictions`` scores stored masks instead of a model."""

    checkpoint: Path = Path("runs/train")
    predictions: Path | None = None
    dataset: str = "ade20k"
    data: Path | None = None
    split: Literal["train", "val"] = "val"
    bank: Path | None = None
    scenes: Literal["predicted", "label", "none"] = "predicted"
    mode: Literal["whole", "slide"] = "whole"
    short_side: int | None = Field(None, ge=16)
    device: str = "auto"


class PredictSettings(Settings):
    """Which model looks at the pictures, with which words."""

    checkpoint: Path = Path("runs/train")
    out: Path = Path("runs/predict")
    bank: Path | None = None
    scene: str | None = None
    mode: Literal["whole", "slide"] = "whole"
    short_side: int | None = Field(None, ge=16)
    device: str = "auto"


def train_settings(config: str | None, flags: Mapping[str, Any]) -> TrainSettings:
    """Flags over the named or given file; without one, over the dataset's shipped settings."""
    name = config or flags.get("dataset") or "ade20k"
    shipped = package_files("langseg.segmenter.training").joinpath("configs", f"{name}.yaml")
    given = Path(config) if config and Path(config).is_file() else None
    if given is None and config and not shipped.is_file():
        names = sorted(file.name.removesuffix(".yaml") for file in shipped_configs())
        raise UsageError(
            f"config {config!r}: wanted a file or one of {', '.join(names)}, found neither"
        )
    return load_config(TrainSettings, given or Path(str(shipped)), flags)


def shipped_configs() -> list[Path]:
    """Files of the settings that ship."""
    folder = Path(str(package_files("langseg.segmenter.training").joinpath("configs")))
    return sorted(folder.glob("*.yaml"))


def run_train(settings: TrainSettings, advance: Advance) -> dict[str, Any]:
    """Train, resume, or do nothing when the run is finished."""
    bank = _bank(settings.bank, settings.store, settings.dataset)
    data = _data(settings.data, settings.dataset)
    samples = find_samples(settings.dataset, data, "train")
    backbone = load_backbone(settings.backbone, settings.weights, settings.pretrained)
    say(f"train: {len(samples)} images, {len(bank.names)} classes, backbone {backbone.backbone_id}")

    def progress(step: int, steps: int, losses: Mapping[str, float]) -> None:
        advance(step, steps, f"loss {losses['loss']:.3f}")

    result = train(
        config=settings.training,
        backbone=backbone,
        bank=bank,
        samples=samples,
        out=settings.out,
        checkpoint_every=settings.checkpoint_every,
        log_every=settings.log_every,
        workers=settings.workers,
        device=_device(settings.device),
        progress=progress,
    )
    write_atomic(settings.out / "settings.json", settings.model_dump_json(indent=1).encode())
    done = result.state.step - result.first_step
    what = f"{done} steps trained" if done else "finished before, nothing to do"
    if done and result.first_step:
        what += f", resumed at step {result.first_step}"
    where = ("--checkpoint", settings.out, "--dataset", settings.dataset, "--data", data)
    return {
        "checkpoint": str(result.checkpoint),
        "steps": result.state.step,
        "trained_steps": done,
        "sentence": f"{settings.out}: {what}; checkpoint {result.checkpoint.name}; "
        f"next: langseg-seg eval {shlex.join(map(str, where))}",
    }


def run_eval(settings: EvalSettings, advance: Advance) -> dict[str, Any]:
    """Score a checkpoint, or a folder of masks, on a dataset's labels.

    A run scored on val with its own bank keeps the report as its ``eval.json``.
    """
    data = _data(settings.data, settings.dataset)
    samples = find_samples(settings.dataset, data, settings.split)
    if settings.predictions is not None:
        vocabulary = load_vocabulary(settings.dataset)
        names = [entry.name for entry in vocabulary.classes]
        rule = LabelRule([entry.id for entry in vocabulary.classes], vocabulary.ignore_ids)
        scores = evaluate_predictions(settings.predictions, samples, rule, progress=advance)
        return {**_scores(scores, names), "predictions": str(settings.predictions)}
    segmenter = _segmenter(settings)
    _check_ids(segmenter.bank, settings.dataset)
    scores = evaluate(segmenter, samples, scenes=settings.scenes, progress=advance)
    report: dict[str, Any] = {
        **_scores(scores, segmenter.bank.names),
        **_seen_unseen(scores, segmenter),
        "images": len(samples),
        "checkpoint": str(settings.checkpoint),
        "step": segmenter.loaded.state.step,
        "backbone": segmenter.loaded.state.backbone_id,
        "bank": segmenter.bank.fingerprint,
        "protocol": {
            "split": settings.split,
            "mode": segmenter.mode,
            "short_side": segmenter.short_side,
            "scenes": settings.scenes,
            "averaged": "stride-4 logits, over windows" if segmenter.mode == "slide" else "nothing",
        },
    }
    if settings.scenes == "label":
        told = (labelled_scene(segmenter.bank, sample.scene) for sample in samples)
        report["protocol"]["told"] = sum(scene != UNKNOWN_SCENE for scene in told)
    if settings.bank is None and settings.split == "val":
        given = settings.checkpoint
        folder = given.parent if (given / STATE).exists() else given
        write_atomic(folder / EVALUATION, json.dumps(report, indent=1, ensure_ascii=False).encode())
    return report


def run_predict(
    settings: PredictSettings, images: Sequence[Path], advance: Advance
) -> dict[str, Any]:
    """Write ``<stem>.png`` (pixel = class id) and ``overlay_<stem>.png`` for each picture.

    A picture that cannot be used is named in ``failed`` and does not stop the others.
    Raises: UsageError, before anything is written, if a picture or a result would be overwritten.
    """
    targets = _targets(settings.out, images)
    segmenter = _segmenter(settings)
    bank = segmenter.bank
    settings.out.mkdir(parents=True, exist_ok=True)
    done, failed = [], []
    for number, (path, (mask, drawn)) in enumerate(zip(images, targets, strict=True), start=1):
        try:
            image = decode_image(path)
        except InputError as exc:
            failed.append(str(exc))
            continue
        prediction = segmenter.segment(image, settings.scene)
        write_atomic(mask, index_png(prediction.mask, bank.ids))
        picture = overlay(image, prediction.mask, bank.names, bank.ids)
        write_atomic(drawn, encode_png(picture))
        done.append(_described(path, prediction.mask, prediction.scenes, bank))
        advance(number, len(images))
    return {
        "out": str(settings.out),
        "predicted": done,
        "failed": failed,
        "sentence": f"{settings.out}: {len(done)} of {len(images)} pictures segmented",
    }


def _targets(out: Path, images: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Mask and overlay of each picture; no two the same file, and none a picture given."""
    targets = [(out / f"{p.stem}.png", out / f"overlay_{p.stem}.png") for p in images]
    given = {path.resolve() for path in images}
    taken: set[Path] = set()
    for target in (path for pair in targets for path in pair):
        real = target.resolve()
        if real in given:
            raise UsageError(f"{target}: is a picture to segment; give --out another folder")
        if real in taken:
            raise UsageError(f"{target}: two pictures would be written there; give one at a time")
        taken.add(real)
    return targets


def run_demo_data(
    out: Path, seed: int, n_train: int, n_val: int, size: tuple[int, int], advance: Advance
) -> dict[str, Any]:
    """Render the demo dataset, unless it is there."""
    from langseg.segmenter.demo_world.dataset import render_demo_dataset

    rendered = 0

    def on_image(done: int, total: int) -> None:
        nonlocal rendered
        rendered = done
        advance(done, total)

    render_demo_dataset(out, seed, n_train, n_val, size, on_image)
    what = f"{n_train} training and {n_val} validation pictures in ADE20K's layout"
    return {
        "out": str(out),
        "rendered": rendered,
        "sentence": f"{out}: {what}{'' if rendered else ', there already'}",
    }


def _scores(scores: Scores, names: Sequence[str]) -> dict[str, Any]:
    per_class = dict(zip(names, scores.per_class_iou, strict=True))
    values = asdict(scores) | {"median_iou": scores.median_iou}
    values |= {"worst_decile_iou": scores.worst_decile_iou, "per_class_iou": per_class}
    sentence = (
        f"mIoU {scores.miou:.4f} over {len(names) - scores.dropped} classes ({scores.dropped} of "
        f"{len(names)} appear in neither labels nor predictions), pixel accuracy "
        f"{scores.pixel_accuracy:.4f}, mean accuracy {scores.mean_accuracy:.4f}, "
        f"fwIoU {scores.fwiou:.4f}"
    )
    return {**values, "sentence": sentence}


def _seen_unseen(scores: Scores, segmenter: Segmenter) -> dict[str, Any]:
    """mIoU of the classes trained on and of the others, where a run left some out."""
    unseen = segmenter.loaded.state.config["unseen"]
    if not unseen:
        return {}
    names = segmenter.bank.names
    values = seen_unseen(scores, {names.index(name) for name in unseen if name in names})
    seen, other, harmonic = (None if math.isnan(value) else value for value in values)
    return {"seen_miou": seen, "unseen_miou": other, "h_iou": harmonic, "unseen": unseen}


def _described(
    path: Path, mask: np.ndarray, scenes: Mapping[str, float], bank: TextBank
) -> dict[str, Any]:
    shares = np.bincount(mask.ravel(), minlength=len(bank.names)) / mask.size
    seen = {bank.names[i]: round(float(shares[i]), 4) for i in np.argsort(-shares) if shares[i]}
    likely = sorted(scenes.items(), key=lambda item: -item[1])[:3]
    return {"image": str(path), "classes": seen, "scenes": dict(likely)}


def _segmenter(settings: EvalSettings | PredictSettings) -> Segmenter:
    bank = _whole(settings.bank) if settings.bank else None
    segmenter = Segmenter.load(
        settings.checkpoint,
        bank=bank,
        device=_device(settings.device),
        short_side=settings.short_side,
        mode=settings.mode,
    )
    trained_on = segmenter.loaded.state.bank_fingerprint
    if bank is not None and bank.fingerprint != trained_on:
        say(f"bank swapped: trained on {trained_on[:12]}, asked with {bank.fingerprint[:12]}")
    return segmenter


def _bank(given: Path | None, store: Path, dataset: str) -> TextBank:
    folder = given or newest_bank(store / "banks", dataset)
    if folder is None:
        raise InputError(
            f"{store}: wanted a TextBank of {dataset}, found none; make one with "
            f"`langseg-desc generate --dataset {dataset}`, then encode and bank, or give --bank"
        )
    bank = _whole(folder)
    _check_ids(bank, dataset)
    return bank


def _whole(folder: Path) -> TextBank:
    """A bank all of which is verified: damage ends a command before it starts, not on the way."""
    bank = load_bank(folder)
    bank.verify()
    return bank


def _check_ids(bank: TextBank, dataset: str) -> None:
    """Labels are read by the bank's ids, so they must be the dataset's."""
    vocabulary = load_vocabulary(dataset)
    wanted = {entry.id: entry.name for entry in vocabulary.classes}
    if dict(zip(bank.ids, bank.names, strict=True)) != wanted:
        raise InputError(
            f"bank of {bank.vocabulary}: wanted the ids and names of {dataset}, whose labels are "
            f"read with it, got others; build one with `langseg-desc bank --dataset {dataset}`"
        )


def _data(given: Path | None, dataset: str) -> Path:
    folder = given or Path("data") / dataset
    if not folder.is_dir():
        raise InputError(
            f"{folder}: wanted the folder of {dataset}, found none; give --data, or render a demo "
            "with `langseg-seg demo-data`"
        )
    return folder


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return str(torch.empty(0, device=name).device)
    except (RuntimeError, AssertionError) as exc:  # AssertionError: torch without CUDA
        reason = str(exc).splitlines()[0]
        raise UsageError(
            f"device {name!r}: wanted one that works here, got {reason}; give auto or cpu"
        ) from exc
