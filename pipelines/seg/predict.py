"""`langseg-seg predict`: segment pictures.

In:  settings, a checkpoint, pictures.
Out: a mask and an overlay for each picture; what was done, as a JSON-able dict with a ``sentence``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import InputError, UsageError
from langseg.cache.files import write_atomic
from langseg.pipelines.seg.inputs import trained_segmenter
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.settings import Settings
from langseg.segmenter.data.images import decode_image
from langseg.segmenter.inference.mask_files import encode_png, index_png
from langseg.segmenter.inference.overlay import overlay


class PredictSettings(Settings):
    """Which model looks at the pictures, with which words."""

    checkpoint: Path = Path("runs/train")
    out: Path = Path("runs/predict")
    bank: Path | None = None
    scene: str | None = None
    mode: Literal["whole", "slide"] = "whole"
    short_side: int | None = Field(None, ge=16)
    device: str = "auto"


def run_predict(
    settings: PredictSettings, images: Sequence[Path], advance: Advance
) -> dict[str, Any]:
    """Write ``<stem>.png`` (pixel = class id) and ``overlay_<stem>.png`` for each picture.

    A picture that cannot be used is named in ``failed`` and does not stop the others.
    Raises: UsageError, before anything is written, if a picture or a result would be overwritten.
    """
    targets = _targets(settings.out, images)
    segmenter = trained_segmenter(
        settings.checkpoint, bank_folder=settings.bank, device=settings.device,
        short_side=settings.short_side, mode=settings.mode,
    )  # fmt: skip
    bank = segmenter.bank
    settings.out.mkdir(parents=True, exist_ok=True)
    done, failed = [], []
    for number, (path, (mask, drawn)) in enumerate(zip(images, targets, strict=True), start=1):
        try:
            image = decode_image(path)
        except InputError as exc:
            failed.append(str(exc))
            continue
        prediction = segmenter.segment(image, settings.scene)
        write_atomic(mask, index_png(prediction.mask, bank.ids))
        picture = overlay(image, prediction.mask, bank.names, bank.ids)
        write_atomic(drawn, encode_png(picture))
        done.append(_described(path, prediction.mask, prediction.scenes, bank))
        advance(number, len(images))
    return {
        "out": str(settings.out),
        "predicted": done,
        "failed": failed,
        "sentence": f"{settings.out}: {len(done)} of {len(images)} pictures segmented",
    }


def _targets(out: Path, images: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Mask and overlay of each picture; no two the same file, and none a picture given."""
    targets = [(out / f"{p.stem}.png", out / f"overlay_{p.stem}.png") for p in images]
    given = {path.resolve() for path in images}
    taken: set[Path] = set()
    for target in (path for pair in targets for path in pair):
        real = target.resolve()
        if real in given:
            raise UsageError(f"{target}: is a picture to segment; give --out another folder")
        if real in taken:
            raise UsageError(f"{target}: two pictures would be written there; give one at a time")
        taken.add(real)
    return targets


def _described(
    path: Path, mask: NDArray[np.int64], scenes: Mapping[str, float], bank: TextBank
) -> dict[str, Any]:
    shares = np.bincount(mask.ravel(), minlength=len(bank.names)) / mask.size
    seen = {bank.names[i]: round(float(shares[i]), 4) for i in np.argsort(-shares) if shares[i]}
    likely = sorted(scenes.items(), key=lambda item: -item[1])[:3]
    return {"image": str(path), "classes": seen, "scenes": dict(likely)}
