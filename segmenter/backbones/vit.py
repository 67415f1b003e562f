"""Read features out of a frozen plain ViT: a map of each block that is tapped, and one image token.

In:  images [B, 3, H, W], floats in 0..1, of any size.
Out: Features, the same for every backbone, and a backbone id that pins name and weights.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from langseg.cache.errors import UsageError

TAP_DEPTHS = (0.25, 0.5, 0.75, 1.0)  # after which shares of the blocks a ViT is tapped by default


@dataclass(frozen=True)
class Features:
    """What a backbone says about a batch.

    ``taps``: a [B, d, h, w] map for each block that is tapped, after the final norm, which for
    models that norm what they pool (eva02, *_gap) is that of the pooled;
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
    """What ``load_backbone`` was asked for; enough to load the same backbone again.

    ``taps``: block indices, the first block 0; a FrozenViT's own source always has them.
    ``revision``: of published weights; a FrozenViT's own source has their commit.
    """

    name: str
    weights: str | None = None
    pretrained: bool = False
    revision: str | None = None
    taps: tuple[int, ...] | None = None


class FrozenViT(nn.Module):
    """A timm ViT that is never trained: no gradients, and eval mode even under ``train()``.

    ``taps``: the blocks whose maps it gives, those of ``source`` or else at TAP_DEPTHS;
    ``backbone_id``: its name, the ``nature`` of its weights where the name is not all there is to
    say, and their hash; ``notes``: what a person must know of how they were loaded.

    Raises: UsageError, for taps that the ViT has not.
    """

    vit: Any
    mean: Tensor
    std: Tensor

    def __init__(
        self, vit: Any, *, mean: tuple[float, ...], std: tuple[float, ...],
        source: BackboneSource, nature: str = "", notes: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.vit = vit.requires_grad_(False)
        self.patch = int(vit.patch_embed.patch_size[0])
        self.width = int(vit.embed_dim)
        self.taps = _checked_taps(source, len(vit.blocks))
        self.source = replace(source, taps=self.taps)
        self.notes = notes
        named = f"{source.name} ({nature})" if nature else source.name
        self.backbone_id = f"{named} sha256:{_weights_digest(vit)}"
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stays in eval mode: a frozen backbone has nothing to train."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Features:
        """Args: images [B, 3, H, W] in 0..1; padded at the bottom and right to whole patches."""
        height, width = images.shape[-2:]
        pad_h, pad_w = -height % self.patch, -width % self.patch
        x = F.pad((images - self.mean) / self.std, (0, pad_w, 0, pad_h))
        norm_pooled = isinstance(self.vit.norm, nn.Identity)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
            tokens, taps = self.vit.forward_intermediates(
                x, indices=list(self.taps), norm=True, output_fmt="NLC"
            )
            if norm_pooled:
                tokens, *taps = map(self.vit.fc_norm, (tokens, *taps))
        if self.vit.cls_token is not None:
            cls = tokens[:, 0]
        else:
            cls = tokens[:, self.vit.num_prefix_tokens :].mean(dim=1)
        h, w = x.shape[-2] // self.patch, x.shape[-1] // self.patch
        maps = (tap.float().unflatten(1, (h, w)).permute(0, 3, 1, 2) for tap in taps)
        return Features(tuple(maps), cls.float(), (height + pad_h, width + pad_w))


def _checked_taps(source: BackboneSource, depth: int) -> tuple[int, ...]:
    if source.taps is None:
        return tuple(sorted({max(1, round(depth * share)) - 1 for share in TAP_DEPTHS}))
    taps = tuple(source.taps)
    if not taps or list(taps) != sorted(set(taps)) or taps[0] < 0 or taps[-1] >= depth:
        raise UsageError(
            f"backbone {source.name!r}: wanted taps as its blocks' numbers, from 0 to {depth - 1}, "
            f"each once and rising, got {','.join(map(str, taps)) or 'none'}"
        )
    return taps


def _weights_digest(module: nn.Module) -> str:
    """sha256 over names, shapes and float32 values: one id, whatever file they came from."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} ".encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
