"""`langseg-seg train`: train a head, resume a run, make it longer, or find it finished.

In:  settings, a dataset folder, a bank (or a store that has one).
Out: a run folder; a report of what was done.
"""

import json
import resource
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from langseg.cache.counted import counted
from langseg.cache.errors import CorruptError
from langseg.pipelines.seg.datasets import open_dataset
from langseg.pipelines.seg.inputs import bank_of, device_for, feature_folder
from langseg.pipelines.seg.settings import TRAIN_SHORTHANDS, TrainSettings
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.progress import Advance, by_phase
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.data.layouts.scenes import unmatched_scenes
from langseg.segmenter.distributed import place
from langseg.segmenter.training.run_folder import OtherRunError
from langseg.segmenter.training.train import train


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """The newest ``checkpoint``, of ``steps`` steps, of which ``trained_steps`` by this run.

    ``seconds``: of this run, all of it; ``images_per_second``: over its steps, of all processes
    together, None where there were not two; ``features``: kept, or fresh of every crop;
    ``peak_memory_mib``: of this process, ``peak_gpu_memory_mib`` on its GPU.
    """

    checkpoint: Path
    steps: int
    trained_steps: int
    trainable_parameters: int
    features: str
    seconds: float
    images_per_second: float | None
    peak_memory_mib: int
    peak_gpu_memory_mib: int | None
    sentence: str


def run_train(settings: TrainSettings, advance: Advance) -> TrainReport:
    """Train, resume, or do nothing when the run is finished."""
    started = time.perf_counter()
    dataset = open_dataset(settings)
    bank = bank_of(dataset, settings.bank, settings.store)
    samples = dataset.read("train")
    if doubt := unmatched_scenes(dataset.folder, samples):
        say(doubt.sentence)
    val = dataset.read("val") if settings.val_every else ()
    device = device_for(settings.device)
    advance(0, 0, phase=f"loading {settings.backbone}")
    backbone = load_backbone(
        settings.backbone, settings.weights, settings.pretrained, settings.taps, settings.revision
    )
    for note in backbone.notes:
        say(note)
    say(
        f"train: {counted(len(samples), 'picture')}, {counted(len(bank.names), 'class')}, backbone "
        f"{backbone.backbone_id}"
    )
    config, moments = settings.training, [time.perf_counter()]

    def on_step(step: int, steps: int, losses: Mapping[str, float]) -> None:
        moments.append(time.perf_counter())
        since = moments[-1 - settings.log_every :]
        pace = _pace(since, config.batch_size * config.accumulate * place()[1])
        note = f"loss {losses['loss']:.3f}, lr {losses['lr']:.2g}, {pace:.3g} images/s"
        mark = step % settings.log_every == 0 or step == steps
        advance(step, steps, note, phase="training", mark=mark)

    try:
        result = train(
            config=config,
            backbone=backbone,
            bank=bank,
            samples=samples,
            out=settings.out,
            features=feature_folder(settings.features, settings.features_gib),
            val=val,
            val_every=settings.val_every,
            checkpoint_every=settings.checkpoint_every,
            log_every=settings.log_every,
            workers=settings.workers,
            device=device,
            tensorboard=settings.tensorboard,
            settings=settings.model_dump_json(indent=1),
            on_step=on_step,
            on_progress=by_phase(advance),
            on_note=lambda note: say(f"train: {note}"),
        )
    except OtherRunError as exc:
        flags = shlex.join(_flags_of(exc, settings))
        go_on = f"give {flags} to go on with it, or " if flags else "give "
        raise CorruptError(f"{exc}; {go_on}another folder with --out") from exc
    done = result.state.step - result.first_step
    what = f"{counted(done, 'step')} trained" if done else "finished before, nothing to do"
    if done and result.first_step:
        what += f", resumed at step {result.first_step}"
    on_gpu = device.startswith("cuda")
    return TrainReport(
        checkpoint=result.checkpoint,
        steps=result.state.step,
        trained_steps=done,
        trainable_parameters=result.trainable_parameters,
        features="kept" if config.feature_side else "fresh",
        seconds=round(time.perf_counter() - started, 2),
        images_per_second=(  # of several processes only the first is told of steps
            _pace(moments[1:], result.state.pictures_a_step) if len(moments) > 2 else None
        ),
        peak_memory_mib=_peak_memory_mib(),
        peak_gpu_memory_mib=torch.cuda.max_memory_allocated() >> 20 if on_gpu else None,
        sentence=f"{settings.out}: {what}; checkpoint {result.checkpoint.name}; "
        f"next: langseg-seg eval --checkpoint {shlex.quote(str(settings.out))} {dataset.flags}",
    )


def _pace(moments: list[float], pictures: int) -> float:
    """Pictures a second, of steps that ended at these moments."""
    return round(pictures * (len(moments) - 1) / max(1e-9, moments[-1] - moments[0]), 2)


def _flags_of(error: OtherRunError, settings: TrainSettings) -> list[str]:
    """What to give, beside what is given, to go on with the run that is there; nothing where no
    flag can say it."""
    shorthands = {place: f"--{name.replace('_', '-')}" for name, place in TRAIN_SHORTHANDS.items()}
    flags: list[str] = []
    for name, wanted in error.wanted.items():
        match name:
            case "dataset" | "vocabulary":
                return []
            case "bank":
                flags += ["--bank", str(settings.out / error.state.bank_folder)]
            case "backbone":
                flags += backbone_flags(error.state.backbone)
            case "taps":
                flags += ["--taps", ",".join(map(str, error.state.backbone["taps"]))]
            case "pictures a step":
                at_once = settings.training.accumulate * place()[1]
                if int(str(wanted)) % at_once:
                    return []
                flags += ["--batch-size", str(int(str(wanted)) // at_once)]
            case _ if (place_of := f"training.{name}") in shorthands:
                flags += [shorthands[place_of], str(wanted)]
            case _:
                flags += ["--set", f"training.{name}={json.dumps(wanted)}"]
    return flags


def backbone_flags(source: Mapping[str, Any]) -> Iterator[str]:
    """What loads the same weights again, of the same commit where they are the hub's; without taps.

    Args: source: a ``BackboneSource`` by name, as a checkpoint keeps it.
    """
    yield from ("--backbone", source["name"])
    for name in ("weights", "revision"):
        if source[name] is not None:
            yield from (f"--{name}", source[name])
    if source["pretrained"]:
        yield "--pretrained"


def _peak_memory_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)  # bytes there, KiB elsewhere
