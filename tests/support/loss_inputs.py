"""What a head may give and what labels may say, at random, small; and labels that say nothing."""

import torch
import torch.nn.functional as F

from langseg.segmenter.heads.base import HeadOutput

NOTHING = torch.full((2, 16, 16), -1)


def some_output(requires_grad: bool = False) -> HeadOutput:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).requires_grad_(requires_grad)

    return HeadOutput(
        logits=random(2, 3, 4, 4), padded=(16, 16), aux=tuple(random(2, 3, 2, 2) for _ in range(4)),
        alpha=torch.tensor([0.1, 0.2, 0.3, 0.4]), presence=random(2, 3), scene_logits=random(2, 3),
        classes=F.normalize(random(2, 3, 8), dim=-1), pixels=random(2, 5, 4, 4),
        to_text=torch.nn.Linear(5, 8),
    )  # fmt: skip


def some_labels() -> torch.Tensor:
    return torch.randint(-1, 3, (2, 16, 16), generator=torch.Generator().manual_seed(1))
