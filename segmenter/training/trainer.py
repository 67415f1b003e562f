"""Make one training step: a step's pictures in, better weights out.

In:  a TrainConfig, a frozen backbone, a TextBank; batch after batch.
Out: the model, trained; the losses of each step; scores.

A step takes ``accumulate`` batches in each process. Its words are drawn for all of them together
and every loss is a mean over pictures, so that neither changes what is computed.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError
from langseg.segmenter.backbones.vit import Features, FrozenViT
from langseg.segmenter.data.labels import IGNORE, LabelRule
from langseg.segmenter.data.loader import Batch
from langseg.segmenter.data.sample import OnProgress, Sample
from langseg.segmenter.distributed import average_over_ranks, place, sum_over_ranks
from langseg.segmenter.evaluation.evaluate import evaluate
from langseg.segmenter.features.batches import FeatureBatch
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.heads.registry import build_head
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.losses.total import total_loss
from langseg.segmenter.model.checkpoint import Loaded, State
from langseg.segmenter.model.model import SegModel
from langseg.segmenter.text.collapse import (
    UNKNOWN_SCENE,
    BankTensors,
    labelled_scene,
    plain_classes,
)
from langseg.segmenter.training.closed_form import fit_aligned
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.step_words import StepWords, renumber, step_rng, step_words

_STREAM = 4  # keeps these random numbers apart from those of order, augmentation and words


class Trainer:
    """The model, its optimiser, and the one step they are for.

    Raises: UsageError, for a config that the backbone or the bank cannot meet.
    """

    def __init__(
        self, config: TrainConfig, backbone: FrozenViT, bank: TextBank, device: torch.device
    ) -> None:
        if config.crop < backbone.patch:
            raise UsageError(
                f"train: wanted crop at least one patch of the backbone ({backbone.patch}), "
                f"got {config.crop}"
            )
        self.config, self.bank, self.device = config, bank, device
        self.rule = LabelRule(bank.ids, bank.ignore_ids)
        self.unseen = _class_indices(bank, config.unseen)
        head = build_head(
            config.head, width=backbone.width, patch=backbone.patch,
            text_width=bank.emb.shape[-1], classes=len(bank.names),
            taps=len(backbone.taps), seed=config.seed,
        )  # fmt: skip
        if config.batch_size * (config.crop // backbone.patch) ** 2 < 2 and _normalises(head):
            raise UsageError(
                "train: wanted batch_size 2 or more, or a crop of two patches "
                f"({2 * backbone.patch}), for the BatchNorm of the {config.head.kind} head, got "
                "one patch a batch"
            )
        self.model = SegModel(backbone, head).to(device)
        self.optimizer = torch.optim.AdamW(_parameter_groups(head, config.weight_decay))
        self._tensors = BankTensors.of(bank, device)

    def step(self, step: int, parts: Sequence[Batch | FeatureBatch]) -> dict[str, float]:
        """One update. Returns: the losses and the learning rate. Raises: FloatingPointError,
        for a loss or gradient that is not finite; the weights stay what they were."""
        self.model.train()
        if step == 0:
            self._begin(parts)
        weights = self.config.loss_at(step)
        labels = [part.labels.to(self.device) for part in parts]
        words = self._words(step, labels)
        self.optimizer.zero_grad()
        losses: dict[str, Tensor] = {}
        for number, part in enumerate(parts):
            read = self._read(part)
            target, scenes, known = self._targets(words, labels[number], part.scenes, number)
            with self._dropout_of(step, number):
                output = self.model(read, words.bank, known, weights.ms > 0)
            loss, terms = total_loss(output, target, scenes, weights)
            if loss.requires_grad:  # not of a head that is fitted, all of it
                torch.autograd.backward(loss / len(parts))
            for name, value in {"loss": loss.detach(), **terms}.items():
                losses[name] = losses.get(name, torch.zeros_like(value)) + value / len(parts)
        parameters = [p for p in self.model.head.parameters() if p.grad is not None]
        values = torch.stack(list(losses.values()))
        average_over_ranks([*(p.grad for p in parameters if p.grad is not None), values])
        norm = nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        row = dict(zip(losses, values.tolist(), strict=True)) | {"grad_norm": norm.item()}
        if not all(map(math.isfinite, row.values())):
            told = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
            raise FloatingPointError(f"wanted finite losses and gradients, got {told}")
        lr = self.config.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return row | {"lr": lr}

    def fit(
        self, kept: KeptFeatures | None, samples: Sequence[Sample], on_progress: OnProgress
    ) -> None:
        """Fit what of the head has a closed form, before the first step. Raises: as
        ``fit_aligned``."""
        aligned = self.model.head.aligned
        if aligned is not None:
            assert kept is not None  # the config has seen to it
            words = plain_classes(self._tensors, 1)[0]
            fit_aligned(aligned, kept, samples, self.rule, words, self.unseen, on_progress)

    @contextmanager
    def _dropout_of(self, step: int, number: int) -> Iterator[None]:
        """What the head leaves out is a pure function of (seed, step) and of the part."""
        draws = np.random.SeedSequence((_STREAM, self.config.seed, step, number, place()[0]))
        on_gpu = self.device.type == "cuda"
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if on_gpu else []):
            torch.manual_seed(int(draws.generate_state(1)[0]))
            yield

    def _begin(self, parts: Sequence[Batch | FeatureBatch]) -> None:
        """Let the head learn from all parts of the first step, in all ranks, what is no weight."""
        head = self.model.head
        head.begin([self.model.features(self._read(part)) for part in parts])
        average_over_ranks([b for b in head.buffers() if b.is_floating_point()])

    def _read(self, part: Batch | FeatureBatch) -> Tensor | Features:
        read = part.features if isinstance(part, FeatureBatch) else part.images
        return read.to(self.device)

    def _words(self, step: int, labels: Sequence[Tensor]) -> StepWords:
        """What all parts and all ranks of this step may read."""
        pictures = sum(map(len, labels)) * place()[1]
        classes = len(self.bank.names)
        if not self.model.head.reads_text:  # reads no words, so none can be left out
            every = torch.arange(classes, device=self.device)
            return StepWords(self._tensors, every, np.ones(pictures, np.bool_))
        present = torch.zeros(classes + 1, device=self.device)
        for part in labels:
            present[torch.unique(part)] = 1.0  # IGNORE, -1, is the last place
        return step_words(
            self._tensors, sum_over_ranks(present)[:-1].cpu().numpy() > 0, pictures,
            rng=step_rng(self.config.seed, step), unseen=self.unseen,
            class_share=self.config.class_share, descriptor_share=self.config.descriptor_share,
            told_share=self.config.told_share,
        )  # fmt: skip

    def _targets(
        self, words: StepWords, labels: Tensor, scenes: Sequence[str], number: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of one part: labels in the numbering of the step's classes, the true scenes [B], and
        those of them that the head is given."""
        rank, world_size = place()
        true = torch.tensor(
            [labelled_scene(self.bank, scene) for scene in scenes], device=self.device
        )
        if not self.model.head.reads_text:
            hidden = torch.tensor(sorted(self.unseen), dtype=torch.int64, device=self.device)
            return torch.where(torch.isin(labels, hidden), IGNORE, labels), true, true
        first = (number * world_size + rank) * len(labels)
        told = torch.from_numpy(words.told[first : first + len(labels)]).to(self.device)
        target = renumber(labels, words.chosen, len(self.bank.names))
        return target, true, torch.where(told, true, UNKNOWN_SCENE)

    def validate(
        self, state: State, val: Sequence[Sample], on_progress: OnProgress
    ) -> dict[str, float]:
        """Scores on ``val``, short side at the side it was trained at, scenes predicted."""
        self.model.eval()
        segmenter = Segmenter(Loaded(self.model, self.bank, state))
        scores = evaluate(segmenter, val, on_progress=on_progress).scores
        return {
            "miou": scores.miou,
            "pixel_accuracy": scores.pixel_accuracy,
            "mean_accuracy": scores.mean_accuracy,
            "fwiou": scores.fwiou,
            "pixels": scores.pixels,
        }


def _normalises(head: nn.Module) -> bool:
    """Whether a batch has to hold two values of each channel."""
    return any(isinstance(module, nn.BatchNorm2d) for module in head.modules())


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
