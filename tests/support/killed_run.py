"""Train and die by SIGKILL: ``python -m tests.support.killed_run DATA OUT STEP``."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from langseg.segmenter.training.train import train
from tests.support.tiny_segmenter import tiny_bank, tiny_config, tiny_samples, tiny_vit


def main(data: Path, out: Path, last: int) -> None:
    def die(step: int, steps: int, losses: Mapping[str, float]) -> None:
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    train(
        config=tiny_config(), backbone=tiny_vit(), bank=tiny_bank(), samples=tiny_samples(data),
        out=out, checkpoint_every=4, log_every=1, on_step=die,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
