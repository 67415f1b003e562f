"""Hold every setting that decides what a training run computes.

In:  values from a command's configuration.
Out: a TrainConfig that is consistent with itself, and the learning rate of each step.
"""

from dataclasses import dataclass, field

from langseg.cache.errors import UsageError
from langseg.segmenter.heads.base import HeadConfig
from langseg.segmenter.losses.weights import LossWeights


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that decides what a run computes; a run resumes only under an equal config.

    ``feature_side``: 0 runs the backbone on every augmented crop; else it runs once on every
    picture and its mirror image at this short side, and crops are windows of those features
    (``features/cache``; no scale or colour change then);
    ``batch_size``: pictures a step in each process; ``crop`` in pixels, ``scale`` the random
    factor on the size that has its short side at ``crop``; ``lr`` rises for ``warmup_steps``,
    then falls as (1 - progress)^0.9; ``unseen``: names of classes never trained on;
    ``class_share``, ``descriptor_share`` and ``told_share``: see ``step_words``.
    """

    steps: int = 20_000
    batch_size: int = 16
    crop: int = 512
    feature_side: int = 0
    scale: tuple[float, float] = (0.5, 2.0)
    lr: float = 5e-4
    weight_decay: float = 0.05
    warmup_steps: int = 500
    clip_norm: float = 1.0
    seed: int = 0
    class_share: float = 1.0
    descriptor_share: float = 1.0
    told_share: float = 0.5
    unseen: tuple[str, ...] = ()
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "crop", "lr", "clip_norm"):
            if not getattr(self, name) > 0:
                raise UsageError(f"train: wanted {name} above 0, got {getattr(self, name)}")
        for name in ("seed", "weight_decay", "warmup_steps"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"train: wanted {name} 0 or more, got {getattr(self, name)}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise UsageError(f"train: wanted scale as low, high above 0, got {self.scale}")
        if self.feature_side and self.feature_side < self.crop:
            raise UsageError(
                f"train: wanted feature_side 0 or at least the crop ({self.crop}), "
                f"got {self.feature_side}"
            )
        for name in ("class_share", "descriptor_share", "told_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"train: wanted {name} in 0..1, got {getattr(self, name)}")

    def learning_rate(self, step: int) -> float:
        """At the step that takes the run from ``step`` to ``step + 1``."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return float(self.lr * (1 - progress) ** 0.9)
