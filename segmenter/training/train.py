"""Train a head on a frozen backbone against a bank: one loop a reader can follow.

In:  a backbone, a TextBank, Samples, and a TrainConfig.
Out: a run folder: ``ckpt-*`` folders, ``metrics.jsonl``, and a copy of the bank, so that the
     folder can be moved and still answers (a backbone given by --weights is looked for where
     it was).

Pictures, augmentation, dropped words and learning rate are pure functions of (seed, step): a run
that was killed and resumed gives, on a CPU, the very bits of one that was not. Runs as one
process or under torchrun.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from langseg.cache.bank.load_save import load_bank, save_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import LangSegError, UsageError
from langseg.cache.files import write_atomic
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.loader import Batch, batches
from langseg.segmenter.data.sample import Sample, count_labels, dataset_hash
from langseg.segmenter.distributed import (
    average_over_ranks,
    process_group,
    wait_for_all,
)
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.features.cache import FeatureBatch, FeatureCache
from langseg.segmenter.heads.base import input_unit
from langseg.segmenter.heads.registry import build_head
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.losses.total import total_loss
from langseg.segmenter.model.checkpoint import (
    Loaded,
    State,
    check_same,
    latest,
    read_state,
    restore,
    save_checkpoint,
)
from langseg.segmenter.model.model import SegModel
from langseg.segmenter.text.collapse import BankTensors, labelled_scene
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.step_words import StepWords, step_rng, step_words

METRICS = "metrics.jsonl"
BANKS = "banks"
StepProgress = Callable[[int, int, Mapping[str, float]], None]  # steps done, of how many, losses


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """``first_step``: 0, or where the run was resumed; equal to ``state.step`` when the run was
    finished before and nothing was done."""

    checkpoint: Path
    state: State
    first_step: int


def train(
    *,
    config: TrainConfig,
    backbone: FrozenViT,
    bank: TextBank,
    samples: Sequence[Sample],
    out: Path,
    val: Sequence[Sample] = (),
    val_every: int = 0,
    checkpoint_every: int = 1000,
    log_every: int = 50,
    workers: int = 0,
    device: str = "cpu",
    progress: StepProgress | None = None,
) -> TrainResult:
    """Train, or go on where a run in ``out`` stopped; do nothing if it is finished.

    Args:
        val: scored every ``val_every`` steps (0: never before the end) and at the end.
        workers: processes that read pictures ahead.
        progress: called on rank 0 after each step.

    Raises: UsageError, for a config that the backbone or bank cannot meet; InputError, before the
    first step, for data that cannot be used; CorruptError, for a checkpoint in ``out`` of another
    bank, backbone, dataset or config; LangSegError, for a loss that is not finite (the last good
    checkpoint stays).
    """
    if config.crop < backbone.patch:
        raise UsageError(
            f"train: wanted crop at least one patch of the backbone ({backbone.patch}), "
            f"got {config.crop}"
        )
    target = torch.device(device)
    bank = _begun_with(out, bank)
    with process_group(target) as (rank, world_size):
        trainer = _Trainer(config, backbone, bank, target, rank)
        state = _resume(out, _first_state(config, backbone, bank, samples, world_size), trainer)
        first_step = state.step
        if first_step == 0 and rank == 0:
            count_labels(samples, trainer.rule)  # reads every label: a bad one stops the run here
            save_bank(bank, out / BANKS)
        stream = trainer.stream(samples, first_step, workers, world_size)
        for step in range(first_step, config.steps):
            losses = trainer.step(step, next(stream))
            noted = replace(state, step=step + 1)
            if _due(noted.step, log_every, config.steps):
                noted = _note(noted, losses)
            if val and _due(noted.step, val_every, config.steps):
                noted = _note(noted, trainer.validate(noted, val))
            if rank == 0:
                _keep(out, state, noted, trainer, _due(noted.step, checkpoint_every, config.steps))
                if progress is not None:
                    progress(noted.step, config.steps, losses)
            state = noted
        wait_for_all()
        return TrainResult(checkpoint=_existing(out), state=state, first_step=first_step)


class _Trainer:
    """The model, its optimiser, and the one step they are for."""

    def __init__(
        self, config: TrainConfig, backbone: FrozenViT, bank: TextBank, device: torch.device,
        rank: int,
    ) -> None:  # fmt: skip
        self.config, self.bank, self.device, self.rank = config, bank, device, rank
        self.rule = LabelRule(bank.ids, bank.ignore_ids)
        self.unseen = _class_indices(bank, config.unseen)
        head = build_head(
            config.head, width=backbone.width, patch=backbone.patch,
            text_width=bank.emb.shape[-1], classes=len(bank.names), seed=config.seed,
        )  # fmt: skip
        self.model = SegModel(backbone, head).to(device)
        self.optimizer = torch.optim.AdamW(_parameter_groups(head, config.weight_decay))
        self._tensors = BankTensors.of(bank, device)

    def stream(
        self, samples: Sequence[Sample], first_step: int, workers: int, world_size: int
    ) -> Iterator[Batch | FeatureBatch]:
        """Batches from ``first_step`` on, of pictures or of features computed once."""
        config = self.config
        place: dict[str, int] = {
            "seed": config.seed, "batch_size": config.batch_size, "start_step": first_step,
            "rank": self.rank, "world_size": world_size,
        }  # fmt: skip
        if not config.feature_side:
            return batches(
                samples, self.rule, crop=config.crop, scale=config.scale, workers=workers, **place
            )
        if first_step == config.steps:  # finished: nothing will be asked of it
            return iter(())
        cache = FeatureCache(
            self.model.backbone, samples, self.rule, side=config.feature_side,
            unit=input_unit(self.model.backbone.patch), crop=config.crop,
        )  # fmt: skip
        return cache.batches(**place)

    def step(self, step: int, batch: Batch | FeatureBatch) -> dict[str, float]:
        """One update. Returns: the losses and the learning rate. Raises: LangSegError."""
        self.model.train()
        words, scenes = self._words(step, batch)
        aux = self.config.loss.ms > 0
        read = batch.features if isinstance(batch, FeatureBatch) else batch.images
        output = self.model(read.to(self.device), words.bank, words.known, aux)
        loss, terms = total_loss(output, words.labels, scenes, self.config.loss)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        parameters = [p for p in self.model.head.parameters() if p.grad is not None]
        buffers = [b for b in self.model.head.buffers() if b.is_floating_point()]
        average_over_ranks([*(p.grad for p in parameters if p.grad is not None), *buffers])
        norm = nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        losses = {"loss": loss.detach(), **terms, "grad_norm": norm}
        values = torch.stack(list(losses.values()))
        average_over_ranks([values])
        row = dict(zip(losses, values.tolist(), strict=True))
        if not all(map(math.isfinite, row.values())):
            raise LangSegError(
                f"training stopped at step {step + 1}: wanted finite losses, got {row}; the last "
                "checkpoint is good, go on from it with a lower lr in another folder"
            )
        lr = self.config.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return row | {"lr": lr}

    def _words(self, step: int, batch: Batch | FeatureBatch) -> tuple[StepWords, Tensor]:
        """What this step may read, and the true scenes [B]."""
        labels = batch.labels.to(self.device)
        indices = [labelled_scene(self.bank, scene) for scene in batch.scenes]
        scenes = torch.tensor(indices, device=self.device)
        if not self.model.head.reads_text:  # reads no words, so none can be left out
            hidden = torch.tensor(sorted(self.unseen), dtype=torch.int64, device=self.device)
            labels = torch.where(torch.isin(labels, hidden), IGNORE, labels)
            return StepWords(self._tensors, labels, scenes), scenes
        words = step_words(
            self._tensors, labels, scenes, rng=step_rng(self.config.seed, step, self.rank),
            unseen=self.unseen, class_share=self.config.class_share,
            descriptor_share=self.config.descriptor_share, told_share=self.config.told_share,
        )  # fmt: skip
        return words, scenes

    def validate(self, state: State, val: Sequence[Sample]) -> dict[str, float]:
        """Scores on ``val``, short side at the side it was trained at, scenes predicted."""
        self.model.eval()
        scores = evaluate(Segmenter(Loaded(self.model, self.bank, state)), val)
        return {
            "miou": scores.miou,
            "pixel_accuracy": scores.pixel_accuracy,
            "mean_accuracy": scores.mean_accuracy,
            "fwiou": scores.fwiou,
            "pixels": scores.pixels,
        }


def _first_state(
    config: TrainConfig, backbone: FrozenViT, bank: TextBank, samples: Sequence[Sample],
    world_size: int,
) -> State:  # fmt: skip
    return State(
        step=0,
        config=json.loads(json.dumps(asdict(config))),
        backbone=asdict(backbone.source),
        backbone_id=backbone.backbone_id,
        bank_fingerprint=bank.fingerprint,
        bank_folder=f"{BANKS}/{bank.fingerprint}",
        vocabulary_hash=bank.vocabulary_hash,
        encoder_id=bank.encoder_id,
        text_width=bank.emb.shape[-1],
        classes=len(bank.names),
        dataset=dataset_hash(samples),
        world_size=world_size,
        history=(),
    )


def _begun_with(out: Path, bank: TextBank) -> TextBank:
    """The run's own copy of the same bank, where it was begun: what is no part of a fingerprint
    (what else scenes are called, the last bits of vectors) stays what it was. Raises: CorruptError.
    """
    own = out / BANKS / bank.fingerprint
    return load_bank(own) if latest(out) is not None and own.is_dir() else bank


def _resume(out: Path, start: State, trainer: _Trainer) -> State:
    """The state of the latest checkpoint in ``out``, restored into ``trainer``; else ``start``."""
    wait_for_all()
    folder = latest(out)
    if folder is None:
        return start
    state = read_state(folder)
    check_same(folder, "vocabulary", state.vocabulary_hash, start.vocabulary_hash)
    check_same(folder, "bank", state.bank_fingerprint, start.bank_fingerprint)
    check_same(folder, "backbone", state.backbone_id, start.backbone_id)
    check_same(folder, "dataset", state.dataset, start.dataset)
    check_same(folder, "number of processes", state.world_size, start.world_size)
    for key, value in start.config.items():
        check_same(folder, f"config {key}", state.config.get(key), value)
    restore(folder, trainer.model.head, trainer.optimizer)
    return state


def _parameter_groups(head: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Only matrices and kernels decay, as usual for ViTs: not biases, norms or temperatures."""
    decayed = [p for p in head.parameters() if p.ndim > 1]
    others = [p for p in head.parameters() if p.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _class_indices(bank: TextBank, names: Sequence[str]) -> frozenset[int]:
    missing = [name for name in names if name not in bank.names]
    if missing:
        raise UsageError(f"unseen classes: wanted names of the bank, got {', '.join(missing)}")
    if set(names) == set(bank.names):
        raise UsageError("unseen classes: wanted at least one class left to train on, got none")
    return frozenset(bank.names.index(name) for name in names)


def _due(step: int, every: int, last: int) -> bool:
    return step == last or (every > 0 and step % every == 0)


def _note(state: State, row: Mapping[str, float]) -> State:
    return replace(state, history=(*state.history, {"step": state.step, **row}))


def _keep(out: Path, before: State, state: State, trainer: _Trainer, checkpoint: bool) -> None:
    """Bring the run's folder up to date: the log where it grew, a checkpoint where one is due."""
    if state.history != before.history:
        lines = "".join(json.dumps(row) + "\n" for row in state.history)
        write_atomic(out / METRICS, lines.encode())
    if checkpoint:
        save_checkpoint(out, trainer.model.head, trainer.optimizer, state)


def _existing(out: Path) -> Path:
    checkpoint = latest(out)
    if checkpoint is None:
        raise LangSegError(f"{out}: the finished run left no checkpoint")
    return checkpoint
