"""Read features out of a frozen plain ViT: four maps along its depth and one image token.

In:  images [B, 3, H, W], floats in 0..1, of any size.
Out: Features, the same for every backbone, and a backbone id that pins name and weights.

Weights come from safetensors only: a pickle can run code when it is read.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import timm
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.patch_embed import PatchEmbed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from langseg.cache.errors import CorruptError, InputError, UpstreamError, UsageError
from langseg.cache.files import sha256_of

DEMO = "demo"
ASSETS = Path(__file__).parent / "assets"
TAP_DEPTHS = (0.25, 0.5, 0.75, 1.0)
RANDOM_SEED = 0  # random weights are the same in every run, so that a checkpoint can be loaded


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


def load_backbone(name: str, weights: Path | None = None, pretrained: bool = False) -> FrozenViT:
    """Build a frozen ViT.

    Args:
        name: ``demo`` for the ViT that ships with LangSeg, or any plain ViT of timm.
        weights: a safetensors file with the model's state dict (a classifier head is ignored).
        pretrained: fetch timm's published weights instead, as safetensors.
        With neither, the weights are random (and always the same), for trials only.

    Raises: UsageError, for a name or flags that cannot be meant; InputError, for weights that are
    not there; CorruptError, for weights that are damaged or do not fit; UpstreamError, where
    published weights cannot be had.
    """
    source = BackboneSource(
        name=name, weights=None if weights is None else str(weights.absolute()),
        pretrained=pretrained,
    )  # fmt: skip
    if weights is not None and pretrained:
        raise UsageError(f"backbone {name!r}: wanted --weights or --pretrained, got both")
    if name == DEMO:
        if weights is not None or pretrained:
            raise UsageError("backbone 'demo' brings its own weights: leave the weight flags out")
        return _load_demo(source)
    _check_name(name)
    vit = _create(name, _hub_overlay(name) if pretrained else None)
    if weights is not None:
        load_weights(vit, weights)
    config = vit.pretrained_cfg
    return FrozenViT(
        vit, mean=config["mean"], std=config["std"], source=source,
        trained=pretrained or weights is not None,
    )  # fmt: skip


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill ``module`` from a safetensors file; float16 and bfloat16 become the module's type.

    Raises: UsageError, for any other suffix; InputError, where there is no file; CorruptError,
    naming the first tensors that are missing, unknown, of another shape, or not finite.
    """
    if path.suffix != ".safetensors":
        raise UsageError(
            f"{path}: wanted weights as .safetensors, got {path.suffix!r}; "
            "convert them with safetensors.torch.save_file"
        )
    try:
        found = load_file(path)
    except FileNotFoundError as exc:
        raise InputError(f"{path}: wanted weights, got no file; give one with --weights") from exc
    except (OSError, SafetensorError) as exc:
        raise CorruptError(f"{path}: wanted a safetensors file, got {exc}") from exc
    wanted = module.state_dict()
    found = {key: value for key, value in found.items() if not _is_classifier(key, wanted)}
    problems = list(_misfits(found, wanted))
    if problems:
        raise CorruptError(
            f"{path}: does not fit the model in {len(problems)} tensors, first "
            f"{'; '.join(problems[:3])}; give the weights of this very model"
        )
    module.load_state_dict(found)


def _is_classifier(key: str, wanted: Mapping[str, Tensor]) -> bool:
    return key.startswith("head.") and key not in wanted


def _misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[str]:
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found:
            yield f"{key} is missing"
        elif key not in wanted:
            yield f"{key} is unknown"
        elif found[key].shape != wanted[key].shape:
            yield f"{key} wanted {tuple(wanted[key].shape)}, got {tuple(found[key].shape)}"
        elif not bool(torch.isfinite(found[key]).all()):
            yield f"{key} holds NaN or infinity"


def _load_demo(source: BackboneSource) -> FrozenViT:
    path, card_path = ASSETS / "demo_vit.safetensors", ASSETS / "demo_vit.json"
    try:
        card = json.loads(card_path.read_bytes())
        found = sha256_of(path)
    except (OSError, ValueError) as exc:
        raise CorruptError(
            f"{card_path}: the demo backbone is not readable ({exc}); reinstall langseg"
        ) from exc
    if found != card["sha256"]:
        raise CorruptError(
            f"{path}: wanted sha256 {card['sha256']}, got {found}; reinstall langseg"
        )
    kwargs = dict(card["timm_kwargs"]) | {"num_classes": 0, "dynamic_img_size": True}
    with _fixed_random_weights():
        vit = timm.create_model(card["timm_model"], **kwargs)
    load_weights(vit, path)
    return FrozenViT(
        vit, mean=tuple(card["mean"]), std=tuple(card["std"]), source=source, trained=True
    )


def _check_name(name: str) -> None:
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, [DEMO, *timm.list_models("*vit*")], n=3)
        raise UsageError(
            f"backbone {name!r}: wanted 'demo' or the name of a timm model; "
            f"did you mean {', '.join(near) or 'vit_base_patch14_reg4_dinov2'}?"
        )


def _create(name: str, overlay: dict[str, str] | None) -> Any:
    try:
        with _fixed_random_weights():
            vit = timm.create_model(
                name, pretrained=overlay is not None, pretrained_cfg_overlay=overlay or {},
                num_classes=0, dynamic_img_size=True,
            )  # fmt: skip
    except TypeError as exc:  # dynamic_img_size is known to plain ViTs only
        raise UsageError(f"backbone {name!r}: wanted a plain ViT of timm; got {exc}") from exc
    except Exception as exc:  # hub, HTTP and file errors share no base class
        if overlay is None:
            raise
        raise UpstreamError(
            f"backbone {name!r}: its published safetensors could not be had ({exc}); "
            "fetch the file yourself and give it with --weights"
        ) from exc
    if not isinstance(vit, VisionTransformer | Eva) or not isinstance(vit.patch_embed, PatchEmbed):
        raise UsageError(f"backbone {name!r}: wanted a plain ViT of timm, got {type(vit).__name__}")
    return vit


def _hub_overlay(name: str) -> dict[str, str]:
    """Name the safetensors file, or timm would fall back to a pickle (timm#1677)."""
    config: Any = timm.get_pretrained_cfg(name)
    if config is None or not config.hf_hub_id or config.custom_load == "hf":
        raise UsageError(
            f"backbone {name!r}: wanted published safetensors, timm knows none; use --weights FILE"
        )
    if (config.hf_hub_filename or "").startswith("open_clip"):
        return {"hf_hub_filename": "open_clip_model.safetensors"}
    return {"hf_hub_filename": "model.safetensors"}


@contextmanager
def _fixed_random_weights() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield


def _weights_digest(module: nn.Module) -> str:
    """sha256 over names, shapes and float32 values: one id, whatever file they came from."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} ".encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
