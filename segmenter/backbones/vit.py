"""Read features out of a frozen plain ViT: four maps along its depth and one image token.

In:  images [B, 3, H, W], floats in 0..1, of any size.
Out: Features, the same for every backbone, and a backbone id that pins name and weights.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAP_DEPTHS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Features:
    """What a backbone says about a batch.

    ``taps``: four [B, d, h, w] maps, at 1/4, 1/2, 3/4 and all of the depth, after the final norm;
    ``cls`` [B, d]: the class token, or the mean of the patches where a model has none;
    ``padded``: height and width in pixels that h x w covers, at least the image's own.
    """

    taps: tuple[Tensor, ...]
    cls: Tensor
    padded: tuple[int, int]

    def to(self, device: torch.device) -> "Features":
        """The same on another device."""
        taps = tuple(tap.to(device) for tap in self.taps)
        return Features(taps, self.cls.to(device), self.padded)


@dataclass(frozen=True, kw_only=True)
class BackboneSource:
    """What ``load_backbone`` was asked for; enough to load the same backbone again."""

    name: str
    weights: str | None = None
    pretrained: bool = False


class FrozenViT(nn.Module):
    """A timm ViT that is never trained: no gradients, and eval mode even under ``train()``."""

    vit: Any
    mean: Tensor
    std: Tensor

    def __init__(
        self, vit: Any, *, mean: tuple[float, ...], std: tuple[float, ...],
        source: BackboneSource, trained: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.vit = vit.requires_grad_(False)
        self.patch = int(vit.patch_embed.patch_size[0])
        self.width = int(vit.embed_dim)
        self.source = source
        depth = len(vit.blocks)
        self.tap_blocks = [max(1, round(depth * share)) - 1 for share in TAP_DEPTHS]
        kind = "" if trained else " random-weights"
        self.backbone_id = f"{source.name}{kind} sha256:{_weights_digest(vit)}"
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Features:
        """Args: images [B, 3, H, W] in 0..1; padded at the bottom and right to whole patches."""
        height, width = images.shape[-2:]
        pad_h, pad_w = -height % self.patch, -width % self.patch
        x = F.pad((images - self.mean) / self.std, (0, pad_w, 0, pad_h))
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
            tokens, taps = self.vit.forward_intermediates(
                x, indices=self.tap_blocks, norm=True, output_fmt="NLC"
            )
        if self.vit.cls_token is not None:
            cls = tokens[:, 0]
        else:
            cls = tokens[:, self.vit.num_prefix_tokens :].mean(dim=1)
        h, w = x.shape[-2] // self.patch, x.shape[-1] // self.patch
        maps = [tap.float().unflatten(1, (h, w)).permute(0, 3, 1, 2) for tap in taps]
        by_block = dict(zip(sorted(set(self.tap_blocks)), maps, strict=True))  # each given once
        return Features(
            tuple(by_block[block] for block in self.tap_blocks), cls.float(),
            (height + pad_h, width + pad_w),
        )  # fmt: skip


def _weights_digest(module: nn.Module) -> str:
    """sha256 over names, shapes and float32 values: one id, whatever file they came from."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} ".encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
