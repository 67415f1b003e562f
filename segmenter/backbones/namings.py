"""Bring a backbone's tensors from the names that the world stores them under to timm's.

In:  tensors by name, as timm, Meta (DINOv2, DINOv3), OpenAI's CLIP or transformers (DINOv2 with
     and without registers, DINOv3, ViT, DeiT) name them, maybe under one common prefix; the timm
     ViT that they are for.
Out: tensors under timm's names, and what a person must know of what was done to them.

From transformers' names to Meta's they are brought here, from there to timm's by timm itself.
"""

import io
import re
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from math import isqrt
from typing import Any

import torch
from timm.models import eva, vision_transformer
from timm.models.eva import Eva
from torch import Tensor

from langseg.cache.errors import CorruptError

Tensors = dict[str, Tensor]
PATCHES = "patch_embed.proj.weight"
_PATCHES_ELSEWHERE = {  # what else it is called, and by whom
    "embeddings.patch_embeddings.projection.weight": "transformers",
    "embeddings.patch_embeddings.weight": "transformers",
    "embeddings.patch_embedding.weight": "transformers' CLIP or SigLIP",
}
_RENAMED = tuple(  # transformers' names of today and of before
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^embeddings\.patch_embeddings\.(?:projection\.)?", "patch_embed.proj."),
        (r"^embeddings\.position_embeddings$", "pos_embed"),
        (r"^embeddings\.distillation_token$", "dist_token"),
        (r"^embeddings\.", ""),
        (r"^(?:encoder\.layer|model\.layer|layers?)\.(?=\d)", "blocks."),
        (r"^layernorm\.", "norm."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
        (r"\.attention\.(?:attention\.query|q_proj)\.", ".attn.q."),
        (r"\.attention\.(?:attention\.key|k_proj)\.", ".attn.k."),
        (r"\.attention\.(?:attention\.value|v_proj)\.", ".attn.v."),
        (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
        (r"\.mlp\.weights_in\.", ".mlp.w12."),
        (r"\.mlp\.weights_out\.", ".mlp.w3."),
    )
)
_CHUNKED = re.compile(r"^blocks\.\d+\.(?=\d+\.)")  # Meta's training code keeps blocks in groups
_UNREAD = re.compile(  # what stands behind the blocks, or helped to train them
    r"(head|head_dist|\w*classifier|pooler|fc|lm_head|attn_pool|\w+_head|decoder\w*|mask_token)(\.|$)"
)


def timm_named(where: object, tensors: Tensors, vit: Any) -> tuple[Tensors, tuple[str, ...]]:
    """The tensors under the names that ``vit`` has for them, and notes.

    Classifiers and the like are left out. Whether all is there and fits is not checked.

    Args: where: what errors and notes begin with.
    Raises: CorruptError, for several models in one file, for names of a kind that is not read,
    and for what this ViT would silently lose or bend.
    """
    prefix, maker = _prefix(where, tensors)
    own = {key.removeprefix(prefix): v for key, v in tensors.items() if key.startswith(prefix)}
    notes = []
    if others := sorted(tensors.keys() - {prefix + key for key in own}):
        notes.append(f"{where}: left out what is not of {prefix}*: {_some(others)}")
    if maker == "transformers":
        own = _from_transformers(own, isinstance(vit, Eva))
    own = {_CHUNKED.sub("blocks.", key): value for key, value in own.items()}
    _check_patches(where, own, vit)
    named = _by_timm(where, own, vit)
    wanted = vit.state_dict().keys()
    if not named.keys() & wanted:
        raise CorruptError(
            f"{where}: wanted a ViT under the names of timm, Meta or transformers, got "
            f"{_some(sorted(tensors)) or 'no tensor'}; give the weights of {_name(vit)}"
        )
    _check_biases(where, own, wanted, vit)
    named = {key: v for key, v in named.items() if key in wanted or not _UNREAD.match(key)}
    before, after = (isqrt(found["pos_embed"].shape[1]) if "pos_embed" in found else 0
                     for found in (own, named))  # fmt: skip
    if before != after:
        notes.append(
            f"{where}: resampled its position embedding from {before} x {before} to "
            f"{after} x {after} patches, as {_name(vit)} has them"
        )
    return named, tuple(notes)


def _prefix(where: object, tensors: Tensors) -> tuple[str, str]:
    """What the names of the backbone's tensors begin with, and whose names they are."""
    found = {
        key.removesuffix(name): maker
        for name, maker in {PATCHES: "timm", **_PATCHES_ELSEWHERE}.items()
        for key in tensors
        if key == name or key.endswith("." + name)
    }
    if len(found) > 1:
        raise CorruptError(
            f"{where}: wanted the weights of one ViT, got those of {len(found)} "
            f"({', '.join(f'{prefix}*' for prefix in sorted(found))}); keep one of them"
        )
    prefix, maker = next(iter(found.items()), ("", "timm"))
    if maker not in ("timm", "transformers"):
        raise CorruptError(
            f"{where}: wanted the names of timm, of Meta, or of transformers' DINOv2, DINOv3 or "
            f"ViT, got those of {maker}; take the same model from timm's organisation on the hub"
        )
    return prefix, maker


def _from_transformers(tensors: Tensors, is_eva: bool) -> Tensors:
    named: Tensors = {}
    for key, value in tensors.items():
        for pattern, name in _RENAMED:
            key = pattern.sub(name, key)  # noqa: PLW2901
        named[key] = value
    for key in [key for key in named if ".attn.q." in key]:
        none = torch.zeros_like(named[key])  # DINOv3's keys have no bias
        joined = [named.pop(key.replace(".q.", f".{part}."), none) for part in "qkv"]
        named[key.replace(".q.", ".qkv.")] = torch.cat(joined)
    for key in [key for key in named if ".mlp.up_proj." in key]:
        up, down = named.pop(key), named.pop(key.replace("up_proj", "down_proj"))
        gate = named.pop(key.replace("up_proj", "gate_proj"), None)
        if gate is None:
            parts = {"fc1": up, "fc2": down}
        elif is_eva:
            parts = {"w1": gate, "w2": up, "w3": down}
        else:
            parts = {"w12": torch.cat([gate, up]), "w3": down}
        named |= {key.replace("up_proj", part): value for part, value in parts.items()}
    if is_eva and "register_tokens" in named:
        named["storage_tokens"] = named.pop("register_tokens")
    return named


def _check_patches(where: object, tensors: Tensors, vit: Any) -> None:
    """timm would resample the kernel to another size of patches without a word."""
    if PATCHES not in tensors or tensors[PATCHES].ndim != 4:
        return
    got, wanted = tensors[PATCHES].shape[-1], vit.patch_embed.patch_size[0]
    if got != wanted:
        raise CorruptError(
            f"{where}: wanted patches of {wanted} x {wanted} pixels, as {_name(vit)} has them, "
            f"got {got} x {got}; give the name of the model that they are of"
        )


def _check_biases(where: object, tensors: Tensors, wanted: Iterable[str], vit: Any) -> None:
    """Of DINOv3's models timm has some twice; that without biases drops them without a word."""
    if any(key.endswith(("qkv.bias", "q_bias")) for key in wanted):
        return
    for key, value in tensors.items():
        if key.endswith("qkv.bias") and any(value.chunk(3)[part].any() for part in (0, 2)):
            raise CorruptError(
                f"{where}: holds biases of queries and values ({key}), for which {_name(vit)} has "
                "no place; give the name of the model with them, ..._qkvb"
            )


def _by_timm(where: object, tensors: Tensors, vit: Any) -> Tensors:
    """What timm's own filter makes of Meta's names, OpenAI's and its own of before."""
    given = dict(tensors)
    try:
        with redirect_stdout(io.StringIO()):  # it prints what it looks for and does not find
            if isinstance(vit, Eva):
                return dict(eva.checkpoint_filter_fn(given, vit))
            if "register_tokens" in given:  # by the mask token it knows Meta's
                given.setdefault("mask_token", torch.zeros(1))
            read = vision_transformer.checkpoint_filter_fn(given, vit, adapt_layer_scale=True)
            return dict(read)
    except Exception as exc:  # whatever a tensor of another shape leads to
        reason = str(exc).strip().partition("\n")[0] or type(exc).__name__
        raise CorruptError(
            f"{where}: wanted weights of {_name(vit)}, timm cannot read them as such ({reason}); "
            "give the name of the model that they are of"
        ) from exc


def _name(vit: Any) -> str:
    return str(vit.pretrained_cfg["architecture"])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
