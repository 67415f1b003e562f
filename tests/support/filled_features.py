"""Fill a folder with the tiny dataset's features: ``python -m tests.support.filled_features DATA
FOLDER [DIE_AFTER]``; prints how many pictures the backbone was shown, or dies by SIGKILL."""

import os
import signal
import sys
from pathlib import Path

import torch

from tests.support.kept_features import kept_features
from tests.support.tiny_segmenter import tiny_samples, tiny_vit


def main(data: Path, folder: Path, last: int) -> None:
    torch.set_num_threads(1)
    backbone, seen = tiny_vit(), []

    def count(*args: object) -> None:
        seen.append(1)
        if len(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    backbone.register_forward_pre_hook(count)
    kept_features(tiny_samples(data), folder, backbone=backbone, views=4)
    print(len(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
