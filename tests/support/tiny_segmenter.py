"""A ViT, a bank and a dataset small enough for every test; also imported by ``killed_run.py``."""

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image

from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.records import ANY_SCENE
from langseg.segmenter.backbones.load import RANDOM
from langseg.segmenter.backbones.vit import BackboneSource, FrozenViT
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.heads.base import Head, HeadOutput
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.registry import build_head
from langseg.segmenter.text.collapse import BankTensors
from langseg.segmenter.training.config import TrainConfig

COLOURS = ((200, 40, 40), (40, 180, 60), (50, 60, 210), (220, 210, 60))
SCENES = ("kitchen", "street")


def tiny_vit(
    patch: int = 8, depth: int = 4, seed: int = 0, taps: tuple[int, ...] | None = None,
    **kwargs: Any,
) -> FrozenViT:  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vit = timm.create_model(
            "vit_tiny_patch16_224", patch_size=patch, img_size=32, embed_dim=48, depth=depth,
            num_heads=3, dynamic_img_size=True, num_classes=0, **kwargs,
        )  # fmt: skip
    source = BackboneSource(name="tiny", taps=taps)
    return FrozenViT(vit, mean=(0.5,) * 3, std=(0.25,) * 3, source=source, nature=RANDOM)


def tiny_bank(
    classes: int = 3, k: int = 4, scenes: int = 2, width: int = 16, seed: int = 0,
    encoder_id: str = "tiny-encoder",
) -> TextBank:  # fmt: skip
    """Random unit vectors; class 0 has one descriptor, the others k; the last is a scene's."""
    rng = np.random.default_rng(seed)
    mask = np.ones((classes, k), np.bool_)
    mask[0, 1:] = False
    emb = _unit(rng.normal(size=(classes, k, width))) * mask[..., None]
    prior = np.ones((scenes + 1, classes, k), np.float32)
    prior[:, 1:, -1] = PRIOR_FLOOR
    prior[-1, 1:, -1] = 1.0
    counts = mask.sum(axis=1)
    return TextBank(
        names=tuple(f"class {i}" for i in range(classes)),
        ids=tuple(range(1, classes + 1)),
        ignore_ids=(0,),
        scenes=(ANY_SCENE, *(SCENES[i % 2] + ("" if i < 2 else str(i)) for i in range(scenes))),
        texts=tuple(tuple(f"{seed} {i} {j}" for j in range(n)) for i, n in enumerate(counts)),
        slots=tuple(("shape",) * n for n in counts),
        owners=tuple(("",) * n for n in counts),
        emb=emb.astype(np.float16),
        mask=mask,
        weight=(mask / counts[:, None]).astype(np.float32),
        scene=_unit(rng.normal(size=(scenes + 1, width))).astype(np.float16),
        prior=prior,
        vocabulary="tiny",
        vocabulary_hash="v" * 64,
        encoder_id=encoder_id,
        image_aligned=False,
        model="none",
        manifest="000001.json",
    )


def tiny_tensors(**kwargs: Any) -> BankTensors:
    return BankTensors.of(tiny_bank(**kwargs))


def write_dataset(root: Path, count: int = 6, classes: int = 3, size: int = 48) -> None:
    """Pictures of two coloured fields each, ADE20K layout; ids 1..classes, a 0 border on top."""
    rng = np.random.default_rng(7)
    lines = []
    for split, stem_from in (("training", 0), ("validation", count)):
        for kind in ("images", "annotations"):
            (root / kind / split).mkdir(parents=True)
        for i in range(stem_from, stem_from + count):
            left, right = rng.choice(classes, 2, replace=False)
            labels = np.full((size, size + 8), left + 1, np.uint8)
            labels[:, int(rng.integers(12, size - 12)) :] = right + 1
            picture = np.array((*COLOURS, (128, 128, 128)), np.uint8)[labels - 1]
            labels[:2] = 0
            Image.fromarray(picture).save(root / f"images/{split}/p{i}.png")
            Image.fromarray(labels).save(root / f"annotations/{split}/p{i}.png")
            lines.append(f"p{i} {SCENES[i % 2]}\n")
    (root / "sceneCategories.txt").write_text("".join(lines))


def write_camvid(root: Path, count: int = 5, split: str = "train") -> tuple[Sample, ...]:
    """CamVid-shaped pictures of 24 x 32; picture k is labelled k % 4 with a corner of 1."""
    for folder in (split, f"{split}annot"):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        labels = np.full((24, 32), number % 4, np.uint8)
        labels[:4, :4] = 1
        grey = np.full((24, 32, 3), 20 * number % 256, np.uint8)
        Image.fromarray(labels).save(root / f"{split}annot/{number}.png")
        Image.fromarray(grey).save(root / f"{split}/{number}.png")
    return find_samples("camvid", root, split)


def tiny_samples(root: Path, split: str = "train") -> tuple[Sample, ...]:
    return find_samples("ade20k", root, split)


def touch(root: Path, *names: str) -> None:
    """Empty files, with their folders."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def tiny_config(**changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "steps": 8, "batch_size": 2, "crop": 32, "lr": 3e-3, "warmup_steps": 2,
        "class_share": 0.7, "descriptor_share": 0.7, "head": tiny_head(),
    }  # fmt: skip
    return TrainConfig(**values | changes)  # type: ignore[arg-type]


def trained_run(root: Path) -> Path:
    """The folder of a run of 40 steps on ``write_dataset``'s pictures, in which classes are told
    apart."""
    from langseg.segmenter.training.train import train

    write_dataset(root / "data")
    train(
        config=tiny_config(steps=40, batch_size=4, lr=1e-2), backbone=tiny_vit(), bank=tiny_bank(),
        samples=tiny_samples(root / "data"), out=root / "run",
    )  # fmt: skip
    return root / "run"


def tiny_head(**changes: object) -> HeadConfig:
    values: dict[str, object] = {"hidden": 32, "blocks": 1, "dropout": 0.0}
    return HeadConfig(**values | changes)  # type: ignore[arg-type]


def built_head(patch: int = 8, config: HeadConfig | None = None, classes: int = 3) -> Head:
    return build_head(
        config or tiny_head(),
        width=48,
        patch=patch,
        text_width=16,
        classes=classes,
        taps=4,
        seed=3,
    )


def head_output(
    head: Head, size: tuple[int, int] = (32, 48), patch: int = 8, **bank: int
) -> HeadOutput:
    torch.manual_seed(0)
    features = tiny_vit(patch=patch)(torch.rand(2, 3, *size))
    output: HeadOutput = head(features, tiny_tensors(**bank), None, True)
    return output


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
