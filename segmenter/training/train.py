"""Train a head on a frozen backbone against a bank: one loop a reader can follow.

In:  a backbone, a TextBank, Samples, and a TrainConfig.
Out: a run folder (see ``run_folder``), with a copy of the bank, so that the folder can be moved
     and still answers (a backbone given by --weights is looked for where it was).

Pictures, augmentation, dropped words and learning rate are pure functions of (seed, step): a run
that was stopped and resumed gives, on a CPU, the very bits of one that was not. Runs as one
process or under torchrun, to the same losses for the same pictures a step.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.counted import counted
from langseg.cache.errors import InputError, LangSegError
from langseg.segmenter.backbones.vit import FrozenViT
from langseg.segmenter.data.check import check_labels
from langseg.segmenter.data.loader import Batch
from langseg.segmenter.data.rare_classes import rare_class_shares
from langseg.segmenter.data.sample import (
    OnProgress,
    Sample,
    dataset_hash,
    pictures_hash,
    unheard,
)
from langseg.segmenter.distributed import (
    all_or_none,
    of_all_ranks,
    place,
    process_group,
)
from langseg.segmenter.features.batches import FeatureBatch
from langseg.segmenter.features.store import IN_MEMORY, FeatureFolder
from langseg.segmenter.memory import is_out_of_memory
from langseg.segmenter.model.checkpoint import State
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.pictures import check_pictures
from langseg.segmenter.training.run_folder import BANKS, RunFolder
from langseg.segmenter.training.stop import Stopped, stop_sign
from langseg.segmenter.training.stream import features_to_keep, training_batches
from langseg.segmenter.training.trainer import Trainer

GO_ON = "run the same command again to go on"
OnStep = Callable[[int, int, Mapping[str, float]], object]  # steps done, of how many, losses


def unheard_step(step: int, steps: int, losses: Mapping[str, float]) -> None:
    """The ``OnStep`` of who does not listen."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """``first_step``: 0, or where the run was resumed; equal to ``state.step`` when the run was
    finished before and nothing was done."""

    checkpoint: Path
    state: State
    first_step: int
    trainable_parameters: int


def train(
    *,
    config: TrainConfig,
    backbone: FrozenViT,
    bank: TextBank,
    samples: Sequence[Sample],
    out: Path,
    features: FeatureFolder = IN_MEMORY,
    val: Sequence[Sample] = (),
    val_every: int = 0,
    checkpoint_every: int = 1000,
    log_every: int = 50,
    workers: int = 0,
    device: str = "cpu",
    tensorboard: bool = False,
    settings: str = "",
    on_step: OnStep = unheard_step,
    on_progress: OnProgress = unheard,
    on_note: Callable[[str], object] = str,
) -> TrainResult:
    """Train, or go on where a run in ``out`` stopped; do nothing if it is finished.

    Ctrl-C and SIGTERM end it with KeyboardInterrupt after a checkpoint of the last whole step.

    Args:
        features: where those of ``config.feature_side`` are kept, for other runs too.
        val: scored every ``val_every`` steps (0: never before the end) and at the end.
        workers: processes that read pictures ahead.
        tensorboard: also write what is logged for TensorBoard.
        settings: JSON that is kept as ``settings.json`` once the run begins or goes on.
        on_step: called on rank 0 after each step.
        on_progress: is told on rank 0 of what is done before, between and after the steps.
        on_note: is told on rank 0 what a person should know of a run that goes on.

    Raises: UsageError, for a config that the backbone or bank cannot meet; InputError, before the
    first step, for data that cannot be used; OtherRunError, for a run in ``out`` of another bank,
    backbone, dataset or config; CorruptError, for a damaged one; LockedError, while another
    process trains there; LangSegError, for a loss that is not finite (the last good checkpoint
    stays), for a disk that is full, and for a memory that is too small.
    """
    target = torch.device(device)
    with process_group(target) as (rank, world_size), stop_sign() as stop, ExitStack() as lock:
        if rank:  # the first speaks for all
            on_step, on_progress, on_note = unheard_step, unheard, str
        heard = stop.heeding(on_progress)
        folder = RunFolder(out, writes=rank == 0, tensorboard=tensorboard, settings=settings)
        with all_or_none():
            bank = folder.bank_begun_with(bank)
            trainer = Trainer(config, backbone, bank, target)
            start = _first_state(config, backbone, bank, samples, world_size)
            lock.enter_context(folder.held())
        with all_or_none():
            state = folder.resumed(start, trainer)
        first_step = state.step
        _check_one_folder(out, first_step)
        try:
            if first_step < config.steps:
                with all_or_none():
                    for note in _notes(state, start):
                        on_note(note)
                    shares = _check_data(folder, trainer, samples, first_step, heard, on_note)
                stream = _stream(
                    trainer, samples, features, first_step, workers, of_all_ranks(shares)[0], heard
                )
            while True:
                if val and _due(state.step, val_every, config.steps) and not _is_scored(state):
                    state = _noted(state, trainer.validate(state, val, heard))
                    folder.keep_up(state, trainer, _due(state.step, checkpoint_every, config.steps))
                if state.step == config.steps:
                    break
                with all_or_none():
                    stop.heed()
                    parts = [next(stream) for _ in range(config.accumulate)]
                losses = trainer.step(state.step, parts)
                state = replace(state, step=state.step + 1)
                if _due(state.step, log_every, config.steps):
                    state = _noted(state, losses)
                folder.keep_up(state, trainer, _due(state.step, checkpoint_every, config.steps))
                on_step(state.step, config.steps, losses)
        except (Stopped, InputError) as exc:  # between two steps
            folder.keep_up(state, trainer, state.step > first_step)
            if isinstance(exc, Stopped):
                told = [*getattr(exc, "__notes__", ()), f"{folder.kept()}, {GO_ON}"]
                raise KeyboardInterrupt("; ".join(told)) from None
            raise
        except FloatingPointError as exc:
            raise folder.diverged(state.step + 1, exc) from exc
        except (MemoryError, RuntimeError) as exc:
            if not is_out_of_memory(exc):
                raise
            raise folder.too_large(state.step + 1, config) from exc
        return TrainResult(
            checkpoint=folder.checkpoint(),
            state=state,
            first_step=first_step,
            trainable_parameters=sum(p.numel() for p in trainer.model.head.parameters()),
        )


def _first_state(
    config: TrainConfig, backbone: FrozenViT, bank: TextBank, samples: Sequence[Sample],
    world_size: int,
) -> State:  # fmt: skip
    return State(
        step=0,
        config=json.loads(json.dumps(asdict(config))),
        backbone=asdict(backbone.source),
        backbone_id=backbone.backbone_id,
        bank_fingerprint=bank.fingerprint,
        bank_folder=f"{BANKS}/{bank.fingerprint}",
        vocabulary_hash=bank.vocabulary_hash,
        encoder_id=bank.encoder_id,
        text_width=bank.emb.shape[-1],
        classes=len(bank.names),
        dataset=dataset_hash(samples),
        pictures=pictures_hash(samples),
        pictures_a_step=config.batch_size * config.accumulate * world_size,
        lengths=((0, config.steps),),
        history=(),
    )


def _check_one_folder(out: Path, step: int) -> None:
    """Raises: LangSegError, where ranks see different runs: a folder that machines do not share."""
    if set(of_all_ranks(step)) != {step}:
        raise LangSegError(
            f"{out}: wanted one run folder that all machines share, got step {step} here and "
            "another elsewhere"
        )


def _notes(state: State, start: State) -> Iterator[str]:
    """What a person should know of a run that goes on."""
    if len(state.lengths) > 1 and state.lengths[-1][0] == state.step:
        before, steps = state.lengths[-2][1], state.lengths[-1][1]
        yield (
            f"made longer at step {state.step}, from {counted(before, 'step')} to {steps}: from "
            f"here on the learning rate is that of a run of {counted(steps, 'step')}"
        )
    if state.pictures != start.pictures:
        yield "the pictures are not what they were when this run was begun; it goes on with these"


def _check_data(
    folder: RunFolder, trainer: Trainer, samples: Sequence[Sample], first_step: int,
    on_progress: OnProgress, on_note: Callable[[str], object],
) -> bytes | None:  # fmt: skip
    """Find what would stop the run half way, before its first step; only the rank that writes
    reads anything.

    Returns: the share of the draws of each sample, where rare classes are drawn more often.
    Raises: InputError.
    """
    if not folder.writes:
        return None
    config, shares = trainer.config, None
    if first_step == 0 or config.rare_classes:
        check = check_labels(
            samples, trainer.rule, trainer.bank.names, vocabulary=trainer.bank.vocabulary,
            on_progress=on_progress,
        )  # fmt: skip
        if config.rare_classes:
            shares = rare_class_shares(check.counts, config.rare_classes)
    if first_step == 0:
        for doubt in check.doubts:
            on_note(doubt.sentence)
        folder.keep_bank(trainer.bank)
    folder.keep_settings()
    if not config.feature_side:  # else every picture is read before the first step anyway
        _check_pictures(folder, trainer, samples, on_progress)
    return shares


def _stream(
    trainer: Trainer, samples: Sequence[Sample], features: FeatureFolder, first_step: int,
    workers: int, shares: bytes | None, on_progress: OnProgress,
) -> Iterator[Batch | FeatureBatch]:  # fmt: skip
    """The batches of this rank from ``first_step`` on. What is kept is computed first, and a head
    that has a closed form is fitted to it."""
    config, (rank, world_size) = trainer.config, place()
    kept = features_to_keep(config, trainer.model.backbone, samples, features, on_progress)
    if first_step == 0:
        trainer.fit(kept, samples, on_progress)
    return training_batches(
        config, kept, samples, trainer.rule, first_step=first_step, workers=workers, rank=rank,
        world_size=world_size, shares=shares,
    )  # fmt: skip


def _check_pictures(
    folder: RunFolder, trainer: Trainer, samples: Sequence[Sample], on_progress: OnProgress
) -> None:
    whole = folder.whole_pictures()
    known = len(whole)
    try:
        check_pictures(samples, trainer.rule, whole, on_progress)
    finally:
        if len(whole) > known:
            folder.keep_whole_pictures(whole)


def _due(step: int, every: int, last: int) -> bool:
    return step == last or (step > 0 and every > 0 and step % every == 0)


def _noted(state: State, row: Mapping[str, float]) -> State:
    return replace(state, history=(*state.history, {"step": state.step, **row}))


def _is_scored(state: State) -> bool:
    return any(row["step"] == state.step and "miou" in row for row in state.history[-2:])
