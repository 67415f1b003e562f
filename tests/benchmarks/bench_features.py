"""What kept features spare: a step on them beside one on fresh crops, and the start of a run.

In:  a dataset in ADE20K's layout, a backbone.
Out: a table: CPU seconds of a batch and of a step, kept and fresh, beside the floor, which is the
     same batch copied out of memory; seconds to fill the folder and to find it filled; bytes.

CPU seconds are of all threads, so that other work on the machine counts for little.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.training.config import TrainConfig
from langseg.segmenter.training.stream import features_to_keep, training_batches
from langseg.segmenter.training.train import train
from tests.benchmarks.harness import machine, show
from tests.support.tiny_segmenter import tiny_bank

STEPS = 12


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbone", default="demo")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--classes", type=int, default=23)
    parser.add_argument("--side", type=int, default=210)
    parser.add_argument("--pictures", type=int, default=40)
    args = parser.parse_args()
    print(machine())
    backbone = load_backbone(args.backbone, args.weights)
    samples = find_samples("ade20k", args.data, "train")[: args.pictures]
    bank = tiny_bank(classes=args.classes, width=384)
    rule = LabelRule(bank.ids, bank.ignore_ids)
    rows = []
    with TemporaryDirectory() as name:
        folder = FeatureFolder(path=Path(name) / "features", max_bytes=2**40)
        for kind, feature_side in (("kept", args.side), ("fresh", 0)):
            config = TrainConfig(
                steps=STEPS, batch_size=8, crop=args.side, feature_side=feature_side,
                warmup_steps=1, head=HeadConfig(),
            )  # fmt: skip

            def stream(config: TrainConfig = config) -> Iterator[Any]:
                kept = features_to_keep(config, backbone, samples, folder, lambda *told: None)
                return training_batches(
                    config, kept, samples, rule, first_step=0, workers=0, rank=0, world_size=1
                )

            first, again = timed(stream), timed(stream)
            batches = stream()
            opened = [timed(partial(next, batches)) for _ in range(len(samples) // 4)]
            read = [timed(partial(next, batches)) for _ in range(STEPS)]
            ends: list[tuple[float, float]] = []
            train(
                config=config, backbone=backbone, bank=bank, samples=samples,
                out=Path(name) / kind, features=folder,
                on_step=lambda *told, ends=ends: ends.append(
                    (time.perf_counter(), time.process_time())
                ),
            )  # fmt: skip
            steps = [b[1] - a[1] for a, b in zip(ends, ends[1:], strict=False)]
            rows.append(
                {
                    "features": kind,
                    "first start, s": f"{first[0]:.1f} (CPU {first[1]:.1f})",
                    "second start, s": f"{again[0]:.2f} (CPU {again[1]:.2f})",
                    "first epoch's batch, CPU ms": f"{1000 * median(cpu for _, cpu in opened):.1f}",
                    "batch, CPU ms": f"{1000 * median(cpu for _, cpu in read):.1f}",
                    "step, CPU s": f"{median(steps):.3f}",
                }
            )
        files = list(Path(name).glob("features/*/*.safetensors"))
        size = sum(file.stat().st_size for file in files)
        windows = torch.rand(8, 4, 16, 24, backbone.width).half()
        floor = [timed(windows[:, :, :15, 4:19].float) for _ in range(50)]
    show("Features, kept and fresh", rows)
    print(f"{len(files)} views, {size / len(files) / 2**20:.2f} MiB each")
    print(f"copied out of memory: {1000 * median(cpu for _, cpu in floor):.1f} CPU ms a batch")


if __name__ == "__main__":
    main()
