"""Keep a run on disk: all of a run's files go in and out here.

In:  the folder; a State, a head and its optimiser whenever something is to be kept.
Out: ``ckpt-*`` folders, ``metrics.jsonl``, a copy of the bank, ``settings.json``, ``tensorboard/``
     where asked for, and ``pictures.txt``, the stamps of the pictures that were found whole.

One process writes at a time. What stands in the folder is whole at every moment: see
``model.checkpoint``.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langseg.cache.bank.load_save import load_bank, save_bank
from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import CorruptError, InputError, LangSegError, UsageError
from langseg.cache.files import disk_errors, make_folder, write_atomic
from langseg.cache.folder_lock import folder_lock
from langseg.segmenter.distributed import all_or_none
from langseg.segmenter.model.checkpoint import State, latest, read_state, restore, save_checkpoint
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.trainer import Trainer

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS, BANKS, PICTURES, TENSORBOARD = "metrics.jsonl", "banks", "pictures.txt", "tensorboard"
SETTINGS = "settings.json"
_MAY_CHANGE = ("steps", "batch_size", "accumulate")  # see ``TrainConfig``


class OtherRunError(CorruptError):
    """A run in the same folder was begun otherwise.

    ``state``: of that run; ``wanted``: what would have to be given for it to go on, by the name
    of the setting (``head.hidden``), or ``backbone``, ``taps``, ``bank``, ``vocabulary``,
    ``dataset``, ``pictures a step``.
    """

    def __init__(
        self, folder: Path, state: State, differing: Mapping[str, tuple[object, object]]
    ) -> None:
        told = (f"{name} {wanted}, got {got}" for name, (wanted, got) in differing.items())
        super().__init__(f"{folder}: a run stands there that was begun with {'; '.join(told)}")
        self.state = state
        self.wanted = {name: wanted for name, (wanted, _) in differing.items()}


class RunFolder:
    """The folder of one run. Where it is read-only, a finished run can still be found in it.

    ``writes``: whether this process does, of several; ``settings``: JSON that is kept, or nothing.
    """

    def __init__(self, path: Path, *, writes: bool, tensorboard: bool, settings: str = "") -> None:
        self.path, self.writes = path, writes
        self._tensorboard, self._settings = tensorboard, settings
        self._writer: SummaryWriter | None = None
        self._logged: tuple[dict[str, Any], ...] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other run write here meanwhile.

        Raises: LockedError, naming the process that does; LangSegError, for a folder that cannot
        be made; UsageError, where TensorBoard is wanted and is not installed.
        """
        if self._tensorboard and find_spec("tensorboard") is None:
            raise UsageError(
                "tensorboard: wanted the package, found none; install langseg[tensorboard], or "
                "leave it out"
            )
        if not self.writes or (latest(self.path) is not None and not self.is_writable()):
            yield
            return
        try:
            with disk_errors(self.path, "nothing was begun"):
                make_folder(self.path)
        except LangSegError as exc:
            if not isinstance(exc.__cause__, FileExistsError | NotADirectoryError):
                raise
            raise InputError(
                f"{self.path}: wanted a folder for the run, got a file there; give another with "
                "--out"
            ) from exc
        with folder_lock(self.path, "this run", "wait until it is done, or take another folder"):
            yield

    def is_writable(self) -> bool:
        """Whether anything can be kept here."""
        return os.access(self.path, os.W_OK)

    def bank_begun_with(self, bank: TextBank) -> TextBank:
        """The run's own copy of the same bank, where it was begun: what is no part of a fingerprint
        (what else scenes are called, the last bits of vectors) stays what it was.

        Raises: CorruptError.
        """
        own = self.path / BANKS / bank.fingerprint
        return load_bank(own) if latest(self.path) is not None and own.is_dir() else bank

    def resumed(self, start: State, trainer: Trainer) -> State:
        """The latest checkpoint's state, restored into ``trainer``; ``start`` where there is none.

        Raises: OtherRunError, for a run of something else; UsageError, for one that has done more
        steps than are asked for; InputError, for one to go on with where nothing can be written;
        CorruptError, for a damaged one.
        """
        folder = latest(self.path)
        if folder is None:
            return start
        state = read_state(folder)
        if differing := dict(_differing(state, start, trainer.model.backbone.taps)):
            raise OtherRunError(self.path, state, differing)
        steps = int(start.config["steps"])
        if state.step > steps:
            raise UsageError(
                f"{self.path}: wanted steps {state.step} or more, as many as this run has done, "
                f"got {steps}"
            )
        if state.step < steps and not self.is_writable():
            raise InputError(
                f"{self.path}: wanted a folder that can be written to, to go on from step "
                f"{state.step}, got one that is read-only"
            )
        restore(folder, trainer.model.head, trainer.optimizer)
        lengths = state.lengths
        if lengths[-1][1] != steps:
            lengths = (*lengths, (state.step, steps))
        return replace(
            start, step=state.step, history=state.history, lengths=lengths, pictures=state.pictures
        )

    def keep_bank(self, bank: TextBank) -> None:
        """Raises: LangSegError, where the disk refuses."""
        with disk_errors(self.path, "nothing was begun"):
            save_bank(bank, self.path / BANKS)

    def keep_settings(self) -> None:
        """Raises: LangSegError, where the disk refuses."""
        if self._settings:
            with disk_errors(self.path, self.kept()):
                write_atomic(self.path / SETTINGS, self._settings.encode())

    def whole_pictures(self) -> set[str]:
        """Stamps of the pictures that were found whole."""
        try:
            return set((self.path / PICTURES).read_text("ascii").split())
        except (OSError, ValueError):
            return set()

    def keep_whole_pictures(self, stamps: set[str]) -> None:
        """Raises: LangSegError, where the disk refuses."""
        with disk_errors(self.path, self.kept()):
            write_atomic(self.path / PICTURES, "\n".join(sorted(stamps)).encode())

    def keep_up(self, state: State, trainer: Trainer, checkpoint: bool) -> None:
        """Write the log anew where it has grown, and a checkpoint where one is due; of several
        processes all must call it. Raises: LangSegError, where the disk refuses; what was kept
        before is there still."""
        with all_or_none():
            if not self.writes:
                return
            with disk_errors(self.path, self.kept()):
                if state.history != self._logged:
                    lines = "".join(json.dumps(row) + "\n" for row in state.history)
                    write_atomic(self.path / METRICS, lines.encode())
                    if self._tensorboard:
                        self._write_events(state)
                    self._logged = state.history
                if checkpoint:
                    save_checkpoint(self.path, trainer.model.head, trainer.optimizer, state)

    def kept(self) -> str:
        """What of the run stands on disk, in words."""
        folder = latest(self.path)
        return "no step was kept" if folder is None else f"{folder.name} is kept"

    def checkpoint(self) -> Path:
        """The latest. Raises: LangSegError, where somebody has removed it."""
        folder = latest(self.path)
        if folder is None:
            raise LangSegError(f"{self.path}: the finished run left no checkpoint")
        return folder

    def diverged(self, step: int, exc: FloatingPointError) -> LangSegError:
        """What to say of a step that gave no number."""
        error = LangSegError(
            f"{self.path}: training stopped at step {step}: {exc}; {self.kept()}; train again with "
            "a lower lr in another folder"
        )
        error.told_by_another = not self.writes
        return error

    def too_large(self, step: int, config: TrainConfig) -> LangSegError:
        """What to say of a step that the memory is too small for."""
        whole = config.batch_size
        part = 1 if whole % 2 else whole // 2
        less = "take a smaller --crop in another folder"
        if whole > 1:
            times = config.accumulate * whole // part
            less = f"--batch-size {part} --set training.accumulate={times} trains the same in less"
        return LangSegError(
            f"{self.path}: training wanted more memory than there is at step {step}; "
            f"{self.kept()}; {less}"
        )

    def _write_events(self, state: State) -> None:
        """The rows that are new, for TensorBoard; all of them at first: what a killed run wrote of
        steps that are done again is gone."""
        from torch.utils.tensorboard import SummaryWriter

        if self._writer is None:
            shutil.rmtree(self.path / TENSORBOARD, ignore_errors=True)
            self._writer = SummaryWriter(str(self.path / TENSORBOARD))
        for row in state.history[len(self._logged or ()) :]:
            for name, value in row.items():
                if name != "step":
                    self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()


def _differing(
    state: State, start: State, taps: Sequence[int]
) -> Iterator[tuple[str, tuple[object, object]]]:
    """What would make it another run, by name: as it was, as it is asked for."""
    pairs = {
        "vocabulary": (state.vocabulary_hash, start.vocabulary_hash),
        "bank": (state.bank_fingerprint, start.bank_fingerprint),
        "backbone": (state.backbone_id, start.backbone_id),
        "taps": (list(state.backbone["taps"]), list(taps)),
        "dataset": (state.dataset, start.dataset),
        "pictures a step": (state.pictures_a_step, start.pictures_a_step),
    }
    was, asked = _flat(state.config), _flat(start.config)
    for name in was | asked:
        if name not in _MAY_CHANGE:
            pairs[name] = was.get(name), asked.get(name)
    return ((name, (a, b)) for name, (a, b) in pairs.items() if a != b)


def _flat(config: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """``{"head": {"hidden": 1}}`` -> ``{"head.hidden": 1}``."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[above + name] = value
    return flat
