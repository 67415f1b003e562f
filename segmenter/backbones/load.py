"""Load a frozen ViT: which weights, from where, and whether they are whole and fit.

In:  a name, and maybe a safetensors file or the wish for the published weights.
Out: a FrozenViT.

``demo`` ships beside this file; any other name is timm's, with the weights of a file, with
those that timm's authors published, or with random ones.
"""

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.patch_embed import PatchEmbed
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from langseg.cache.errors import CorruptError, UpstreamError, UsageError
from langseg.cache.files import sha256_of
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT
from langseg.segmenter.backbones.weights import load_weights

DEMO = "demo"
ASSETS = Path(__file__).parent / "assets"
RANDOM_SEED = 0  # random weights are the same in every run, so that a checkpoint can be loaded


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


def _load_demo(source: BackboneSource) -> FrozenViT:
    path, card_path = ASSETS / "demo_vit.safetensors", ASSETS / "demo_vit.json"
    try:
        card = json.loads(card_path.read_bytes())
        sha256 = sha256_of(path)
    except (OSError, ValueError) as exc:
        raise CorruptError(
            f"{card_path}: the demo backbone is not readable ({exc}); reinstall langseg"
        ) from exc
    if sha256 != card["sha256"]:
        raise CorruptError(
            f"{path}: wanted sha256 {card['sha256']}, got {sha256}; reinstall langseg"
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
