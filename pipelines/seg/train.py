"""`langseg-seg train`: train a head, resume a run, or find it finished.

In:  settings, a dataset folder, a bank (or a store that has one).
Out: a run folder; what was done, as a JSON-able dict with a ``sentence``.
"""

import shlex
from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from pydantic import Field

from langseg.cache.errors import UsageError
from langseg.cache.files import write_atomic
from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.seg.inputs import bank_of, dataset_folder, device_for
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.settings import Settings, load_config
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.train import train


class TrainSettings(Settings):
    """Where a run reads and writes; ``training`` is what it computes."""

    dataset: str = "ade20k"
    data: Path | None = None
    store: Path = DEFAULT_STORE
    bank: Path | None = None
    out: Path = Path("runs/train")
    backbone: str = "demo"
    weights: Path | None = None
    pretrained: bool = False
    device: str = "auto"
    workers: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    log_every: int = Field(50, ge=1)
    training: TrainConfig = TrainConfig()


def train_settings(config: str | None, flags: Mapping[str, Any]) -> TrainSettings:
    """Flags over the named or given file; without one, over the dataset's shipped settings."""
    name = config or flags.get("dataset") or "ade20k"
    shipped = package_files("langseg.segmenter.training").joinpath("configs", f"{name}.yaml")
    given = Path(config) if config and Path(config).is_file() else None
    if given is None and config and not shipped.is_file():
        names = sorted(file.name.removesuffix(".yaml") for file in shipped_configs())
        raise UsageError(
            f"config {config!r}: wanted a file or one of {', '.join(names)}, found neither"
        )
    return load_config(TrainSettings, given or Path(str(shipped)), flags)


def shipped_configs() -> list[Path]:
    """Files of the settings that ship."""
    folder = Path(str(package_files("langseg.segmenter.training").joinpath("configs")))
    return sorted(folder.glob("*.yaml"))


def run_train(settings: TrainSettings, advance: Advance) -> dict[str, Any]:
    """Train, resume, or do nothing when the run is finished."""
    bank = bank_of(settings.dataset, settings.bank, settings.store)
    data = dataset_folder(settings.dataset, settings.data)
    samples = find_samples(settings.dataset, data, "train")
    backbone = load_backbone(settings.backbone, settings.weights, settings.pretrained)
    say(f"train: {len(samples)} images, {len(bank.names)} classes, backbone {backbone.backbone_id}")

    def progress(step: int, steps: int, losses: Mapping[str, float]) -> None:
        advance(step, steps, f"loss {losses['loss']:.3f}")

    result = train(
        config=settings.training,
        backbone=backbone,
        bank=bank,
        samples=samples,
        out=settings.out,
        checkpoint_every=settings.checkpoint_every,
        log_every=settings.log_every,
        workers=settings.workers,
        device=device_for(settings.device),
        progress=progress,
    )
    write_atomic(settings.out / "settings.json", settings.model_dump_json(indent=1).encode())
    done = result.state.step - result.first_step
    what = f"{done} steps trained" if done else "finished before, nothing to do"
    if done and result.first_step:
        what += f", resumed at step {result.first_step}"
    where = ("--checkpoint", settings.out, "--dataset", settings.dataset, "--data", data)
    return {
        "checkpoint": str(result.checkpoint),
        "steps": result.state.step,
        "trained_steps": done,
        "sentence": f"{settings.out}: {what}; checkpoint {result.checkpoint.name}; "
        f"next: langseg-seg eval {shlex.join(map(str, where))}",
    }
