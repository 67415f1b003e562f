"""Hold every setting that decides what a training run computes.

In:  values from a command's configuration.
Out: a TrainConfig that is consistent with itself, and the learning rate of each step.
"""

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator

from langseg.cache.validation import checked
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.losses.weights import LossWeights


@checked("train", strict=False)
class TrainConfig:
    """All that decides what a run computes.

    A run resumes under an equal one, but for ``steps``, which may grow, and for how a step's
    pictures are dealt out: ``batch_size`` x ``accumulate`` x processes stays what it was.
    """

    steps: int = Field(
        default=20_000, gt=0,
        description="Optimiser steps; an aligned head takes one, in which it is fitted.",
    )  # fmt: skip
    batch_size: int = Field(default=16, gt=0, description="Pictures at once, in each process.")
    accumulate: int = Field(
        default=1, gt=0,
        description="Batches a step, in each process: as one of so many times the pictures, in the "
        "memory of one (BatchNorm of the linear head sees each by itself).",
    )  # fmt: skip
    crop: int = Field(default=512, gt=0, description="Side of a training crop in pixels.")
    feature_side: int = Field(
        default=0, ge=0,
        description="0: the backbone runs on every augmented crop; else once on some views of "
        "each picture at this short side, and crops are windows of those features, which are "
        "kept.",
    )  # fmt: skip
    views: int = Field(
        default=2, ge=1, le=256,
        description="With feature_side, of each picture: itself, its mirror image, then others "
        "at a random scale and in another light.",
    )  # fmt: skip
    scale: tuple[float, float] = Field(
        default=(0.5, 2.0),
        description="Least and greatest random factor on the size whose short side is the crop, or "
        "feature_side.",
    )
    rare_classes: float = Field(
        default=0, ge=0,
        description="0: every picture once an epoch; else the temperature at which pictures with "
        "rare classes are drawn more often (DAFormer: 0.01).",
    )  # fmt: skip
    lr: float = Field(
        default=5e-4, gt=0, description="Peak learning rate; it falls as (1 - progress)^0.9."
    )
    weight_decay: float = Field(default=0.05, ge=0, description="Of AdamW.")
    warmup_steps: int = Field(
        default=500, ge=0, description="Steps in which the learning rate rises."
    )
    clip_norm: float = Field(default=1.0, gt=0, description="Greatest norm of the gradient.")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="Decides order, crops and first weights."
    )
    class_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the classes a step, see ``step_words``."
    )
    descriptor_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the descriptors a step, see ``step_words``."
    )
    told_share: float = Field(
        default=0.5, ge=0, le=1, description="Share of the pictures whose scene is told."
    )
    schedule: Literal["together", "alternating"] = Field(
        default="together",
        description="together: every step descends the whole loss (Eq. 9). alternating: each one "
        "term in turn, gen, tri, seg with ms, as the paper's section 3.4.",
    )
    unseen: tuple[str, ...] = Field(default=(), description="Names of classes never trained on.")
    head: HeadConfig = Field(default_factory=HeadConfig, description="The trained part.")
    loss: LossWeights = Field(default_factory=LossWeights, description="Weights of the terms.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: wanted low, high above 0, got {self.scale}")
        if self.feature_side and self.feature_side < self.crop:
            raise ValueError(
                f"feature_side: wanted 0 or at least the crop ({self.crop}), "
                f"got {self.feature_side}"
            )
        if self.head.kind == "aligned" or self.head.aligned_share:
            if not self.feature_side:
                raise ValueError(
                    "feature_side: wanted the short side in pixels that pictures are fitted at, as "
                    "an aligned head is fitted to kept features, got 0; give "
                    "--set training.feature_side=512"
                )
            if self.head.kind == "aligned":
                object.__setattr__(self, "steps", 1)
        return self

    def loss_at(self, step: int) -> LossWeights:
        """The weights of the step that takes the run from ``step`` to ``step + 1``.

        "The training process alternates between optimizing the generative loss, triplet loss, and
        segmentation loss" (the paper, 3.4): one of them a step, in this order, with every weight
        of the head that it reaches; one that weighs nothing, or that the head cannot give, has no
        turn. ``ms`` is segmentation at each scale and goes with it.
        """
        if self.schedule == "together":
            return self.loss
        text = ("gen", "tri") if self.head.kind == "dense" else ()
        turns = [name for name in (*text, "seg") if getattr(self.loss, name)] or ["seg"]
        turn = turns[step % len(turns)]
        if turn == "gen":
            return replace(self.loss, seg=0.0, ms=0.0, tri=0.0)
        if turn == "tri":
            return replace(self.loss, seg=0.0, ms=0.0, gen=0.0)
        return replace(self.loss, tri=0.0, gen=0.0)

    def learning_rate(self, step: int) -> float:
        """At the step that takes the run from ``step`` to ``step + 1``."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return float(self.lr * (1 - progress) ** 0.9)
