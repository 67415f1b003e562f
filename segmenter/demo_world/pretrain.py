"""Train the small ViT that ships with LangSeg, on rendered pictures and without any label.

    python -m langseg.segmenter.demo_world.pretrain --out FILE.safetensors

What ships is ``segmenter/backbones/assets/demo_vit.safetensors``.

In:  pictures of the demo renderer, of a seed that no demo dataset uses; their label maps and
     looks are never read.
Out: FILE.safetensors, the state dict in float16, and FILE.json beside it: how to build the
     model, how it was trained, and the sha256 of the weights.

The task is masked prediction, as in BEiT (Bao et al. 2021) and HuBERT (Hsu et al. 2021): blocks
of patches are replaced by one learned token, and for every patch, hidden or not, the model names
the typical appearance of the patch and of its surroundings (``pretrain_targets``). The patch
embedding starts as the whitened principal components of patches and positions start as sines
and cosines, which saves half of the steps. One thread and fixed seeds: the same machine gives
the same file. The shipped weights took 1,003 s of one core.
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import timm
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from langseg.cache.errors import UsageError
from langseg.cache.files import write_atomic
from langseg.cache.keys import sha256_hex
from langseg.segmenter.data.pixels import unit_floats
from langseg.segmenter.demo_world.dataset import RENDERER_VERSION
from langseg.segmenter.demo_world.pretrain_targets import (
    NEIGHBOURHOODS,
    Codebook,
    appearances,
    learn_codebook,
)
from langseg.segmenter.demo_world.scenes import render_picture

PATCH, WIDTH, GRID = 8, 160, 20  # pixels, features, patches a side of a crop
CROP = PATCH * GRID
TIMM_MODEL = "vit_tiny_patch16_224"
TIMM_KWARGS: dict[str, Any] = {
    "patch_size": PATCH,
    "embed_dim": WIDTH,
    "depth": 6,
    "num_heads": 5,
    "img_size": CROP,
    "dynamic_img_size": True,
}
MEAN, STD = 0.5, 0.25
WINDOW = (128, 192)  # pixels a side of what is cut out of a 256 x 192 picture and scaled to CROP
BLOCK = (2, 8)  # patches a side of a hidden block, upper bound excluded


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every number that decides the weights."""

    seed: int = 1000
    images: int = 1000
    steps: int = 3600
    batch_size: int = 4
    lr: float = 7e-4
    warmup_steps: int = 100
    weight_decay: float = 0.05
    hidden_share: float = 0.4
    appearances: int = 192


class MaskedPredictor(nn.Module):
    """The ViT, the token that stands for hidden patches, and one head per neighbourhood."""

    vit: Any

    def __init__(self, choices: int) -> None:
        super().__init__()
        self.vit = timm.create_model(TIMM_MODEL, num_classes=0, **TIMM_KWARGS)
        self.hidden_token = nn.Parameter(torch.randn(WIDTH) * 0.5)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, choices))
            for _ in NEIGHBOURHOODS
        )

    def forward(self, images: Tensor, hidden: Tensor) -> list[Tensor]:
        """Logits [B, N, K] for each neighbourhood; ``hidden`` [B, h, w] is True where masked."""
        tokens = self.vit.patch_embed((images - MEAN) / STD)
        tokens = torch.where(hidden[..., None], self.hidden_token, tokens)
        tokens = self.vit.norm(self.vit.blocks(self.vit._pos_embed(tokens)))
        return [head(tokens[:, self.vit.num_prefix_tokens :]) for head in self.heads]


class Crops:
    """Random square cuts of the pictures: size, place, mirror image and light vary."""

    def __init__(self, recipe: Recipe) -> None:
        size = (256, 192)
        pictures = [
            render_picture(recipe.seed, "training", index, size).rgb
            for index in range(recipe.images)
        ]
        self._pictures: NDArray[np.uint8] = np.stack(pictures)
        self.rng = np.random.default_rng(recipe.seed)

    def draw(self, count: int) -> Tensor:
        """[count, 3, CROP, CROP], floats in 0..1."""
        return torch.cat([self._one() for _ in range(count)])

    def _one(self) -> Tensor:
        rng, (height, width) = self.rng, self._pictures.shape[1:3]
        picture = self._pictures[rng.integers(len(self._pictures))]
        side = int(rng.integers(WINDOW[0], WINDOW[1] + 1))
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        window = np.ascontiguousarray(picture[y : y + side, x : x + side])
        crop = unit_floats(window)[None]
        crop = F.interpolate(crop, size=(CROP, CROP), mode="bilinear", antialias=True)
        if rng.random() < 0.5:
            crop = crop.flip(3)
        return (crop * rng.uniform(0.85, 1.15) + rng.uniform(-0.04, 0.04)).clamp(0, 1)

    def hide(self, count: int, share: float) -> Tensor:
        """Blocks of patches until ``share`` of each picture is hidden: bool [count, h, w]."""
        hidden = torch.zeros(count, GRID, GRID, dtype=torch.bool)
        for one in hidden:
            while one.float().mean() < share:
                high, wide = self.rng.integers(*BLOCK, size=2)
                y, x = self.rng.integers(GRID - high + 1), self.rng.integers(GRID - wide + 1)
                one[y : y + high, x : x + wide] = True
        return hidden


def start_weights(vit: Any, images: Tensor) -> None:
    """Xavier weights; patches whitened by their principal components; sines for positions."""
    for weight in vit.parameters():
        if weight.ndim == 2:
            nn.init.xavier_uniform_(weight)
    pixels = F.unfold((images - MEAN) / STD, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    mean = pixels.mean(dim=0)
    variances, axes = torch.linalg.eigh(torch.cov((pixels - mean).T))
    whitened = axes[:, -WIDTH:] / (variances[-WIDTH:].clamp(min=0) + 0.01).sqrt()
    turn, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH))
    weights = turn @ whitened.T
    places = torch.arange(GRID * GRID)
    waves = 1.5 / 10000 ** (torch.arange(WIDTH // 4) / (WIDTH / 4))
    angles = [axis[:, None] * waves for axis in (places // GRID, places % GRID)]
    sines = torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)
    with torch.no_grad():
        vit.patch_embed.proj.weight.copy_(weights.view(WIDTH, 3, PATCH, PATCH))
        vit.patch_embed.proj.bias.copy_(-(weights @ mean))
        vit.pos_embed[0, vit.num_prefix_tokens :] = sines * 0.7


def pretrain(recipe: Recipe) -> tuple[Any, list[tuple[int, float]]]:
    """The trained ViT, and (step, mean loss per patch and neighbourhood) along the way."""
    generator = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    crops = Crops(recipe)
    model, sample = MaskedPredictor(recipe.appearances), crops.draw(128)
    start_weights(model.vit, sample)
    codebooks = [
        learn_codebook(features.flatten(0, 1)[::2], recipe.appearances, generator)
        for features in appearances(sample, PATCH)
    ]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    curve: list[tuple[int, float]] = []
    window: list[float] = []
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(recipe, step)
        images = crops.draw(recipe.batch_size)
        hidden = crops.hide(recipe.batch_size, recipe.hidden_share)
        loss = masked_loss(model, codebooks, images, hidden)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        window.append(loss.item())
        if (step + 1) % max(1, recipe.steps // 20) == 0:
            curve.append((step + 1, round(sum(window) / len(window), 4)))
            window.clear()
            print(f"step {step + 1} of {recipe.steps}: loss {curve[-1][1]}", file=sys.stderr)
    return model.vit.eval(), curve


def masked_loss(
    model: MaskedPredictor, codebooks: list[Codebook], images: Tensor, hidden: Tensor
) -> Tensor:
    """Cross-entropy, hidden and visible patches weighing the same whatever their number."""
    masked, terms = hidden.flatten(1), []
    neighbourhoods = zip(model(images, hidden), codebooks, appearances(images, PATCH), strict=True)
    for logits, codebook, features in neighbourhoods:
        target = codebook.nearest(features)
        terms += [F.cross_entropy(logits[where], target[where]) for where in (masked, ~masked)]
    return torch.stack(terms).mean()


def _learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.lr * rise * (0.01 + 0.99 * (1 + cos(pi * step / recipe.steps)) / 2)


def write_weights(vit: Any, out: Path, training: dict[str, Any]) -> None:
    """The weights in float16 at ``out``, their description beside them as .json."""
    state = {name: value.half().contiguous() for name, value in vit.state_dict().items()}
    data = save(state)
    card = {
        "timm_model": TIMM_MODEL,
        "timm_kwargs": TIMM_KWARGS,
        "mean": [MEAN] * 3,
        "std": [STD] * 3,
        "sha256": sha256_hex(data),
        "training": training,
    }
    write_atomic(out, data)
    write_atomic(out.with_suffix(".json"), (json.dumps(card, indent=2) + "\n").encode())


def main(arguments: list[str] | None = None) -> None:
    """Read the flags, train, write both files."""
    parser = argparse.ArgumentParser(description="Pretrain the demo ViT without labels.")
    parser.add_argument("--out", type=Path, required=True, help="FILE.safetensors to write")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--images", type=int, default=Recipe.images)
    flags = parser.parse_args(arguments)
    if flags.out.suffix != ".safetensors":
        raise UsageError(f"--out: wanted a .safetensors file, got {flags.out}")
    recipe = Recipe(steps=flags.steps, images=flags.images)
    torch.set_num_threads(1)
    wall, cpu = time.monotonic(), time.process_time()
    vit, curve = pretrain(recipe)
    training = {
        "method": "masked prediction of clustered patch appearances, no labels",
        "data": f"demo renderer version {RENDERER_VERSION}, seed {recipe.seed}, pictures only",
        "recipe": asdict(recipe),
        "loss_curve": curve,
        "seconds": round(time.monotonic() - wall),
        "cpu_seconds": round(time.process_time() - cpu),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
    }
    write_weights(vit, flags.out, training)


if __name__ == "__main__":
    main()
