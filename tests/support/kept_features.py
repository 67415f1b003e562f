"""Kept features of the tiny dataset, computed by the tiny ViT."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.features.store import FeatureFolder
from tests.support.tiny_segmenter import tiny_vit

RULE = LabelRule([1, 2, 3], [0])
GIB = 2**30


def kept_features(
    samples: Sequence[Sample], folder: Path | None = None, *, max_bytes: int = GIB, **changes: Any
) -> KeptFeatures:
    values: dict[str, Any] = {"backbone": tiny_vit(), "side": 48, "unit": 8, "views": 2}
    where = FeatureFolder(path=folder, max_bytes=max_bytes)
    return KeptFeatures(samples=samples, where=where, **values | changes)


def map_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.safetensors"))
