"""`langseg-seg eval`: score a checkpoint, or masks that somebody stored, on a dataset's labels.

In:  settings, a dataset folder, a checkpoint or a folder of masks.
Out: scores as a JSON-able dict with a ``sentence``; ``eval.json`` in the run's folder.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from langseg.cache.files import write_atomic
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.pipelines.seg.inputs import check_ids, dataset_folder, trained_segmenter
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.settings import Settings
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.evaluation.evaluate import evaluate, evaluate_predictions
from langseg.segmenter.evaluation.metrics import Scores, seen_unseen
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.checkpoint import STATE
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, labelled_scene

EVALUATION = "eval.json"


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


def run_eval(settings: EvalSettings, advance: Advance) -> dict[str, Any]:
    """Score a checkpoint, or a folder of masks, on a dataset's labels.

    A run scored on val with its own bank keeps the report as its ``eval.json``.
    """
    data = dataset_folder(settings.dataset, settings.data)
    samples = find_samples(settings.dataset, data, settings.split)
    if settings.predictions is not None:
        vocabulary = load_vocabulary(settings.dataset)
        names = [entry.name for entry in vocabulary.classes]
        rule = LabelRule([entry.id for entry in vocabulary.classes], vocabulary.ignore_ids)
        scores = evaluate_predictions(settings.predictions, samples, rule, progress=advance)
        return {**_scores(scores, names), "predictions": str(settings.predictions)}
    segmenter = trained_segmenter(
        settings.checkpoint, bank_folder=settings.bank, device=settings.device,
        short_side=settings.short_side, mode=settings.mode,
    )  # fmt: skip
    check_ids(segmenter.bank, settings.dataset)
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
        known = (labelled_scene(segmenter.bank, sample.scene) for sample in samples)
        report["protocol"]["told"] = sum(scene != UNKNOWN_SCENE for scene in known)
    if settings.bank is None and settings.split == "val":
        run = settings.checkpoint
        folder = run.parent if (run / STATE).exists() else run
        write_atomic(folder / EVALUATION, json.dumps(report, indent=1, ensure_ascii=False).encode())
    return report


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
