"""What a step of the dense head costs, beside the head of transformer blocks that it replaced.

In:  a number of steps, batch, patches a side and classes.
Out: a table of milliseconds a step (features in memory), forward and backward apart, and with
     ``--profile`` the operations that take most of it.

    python -m tests.benchmarks.bench_head
"""

import argparse
import time
from statistics import median

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from langseg.segmenter.backbones.vit import Features
from langseg.segmenter.heads.base import Head
from langseg.segmenter.heads.config import HeadConfig
from langseg.segmenter.heads.dense import DenseHead
from langseg.segmenter.losses.total import total_loss
from langseg.segmenter.losses.weights import LossWeights
from langseg.segmenter.text.collapse import BankTensors
from tests.benchmarks.attention_head import AttentionHead
from tests.benchmarks.harness import machine, show
from tests.support.tiny_segmenter import tiny_bank

WIDTH, PATCH, TEXT_WIDTH, TAPS, PHRASES = 384, 14, 384, 4, 30
WARM_UP = 3


class Step:
    """One update of a head, on the same random features each time."""

    def __init__(self, head: Head, loss: LossWeights, args: argparse.Namespace) -> None:
        side = args.patches * PATCH
        self.head, self.loss = head.train(), loss
        self.optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, fused=True)
        shape = args.batch, args.patches, args.patches, WIDTH
        taps = tuple(torch.randn(shape).permute(0, 3, 1, 2) for _ in range(TAPS))
        self.features = Features(taps, torch.randn(args.batch, WIDTH), (side, side))
        self.labels = torch.randint(0, args.classes, (args.batch, side, side))
        self.bank = BankTensors.of(tiny_bank(args.classes, k=PHRASES, width=TEXT_WIDTH))

    def forward(self) -> Tensor:
        output = self.head(self.features, self.bank, None, self.loss.ms > 0)
        return total_loss(output, self.labels, torch.full((len(self.labels),), -1), self.loss)[0]

    def backward(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
        self.optimizer.step()


def measured(name: str, step: Step, steps: int) -> dict[str, str]:
    forward, backward = [], []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        loss = step.forward()
        middle = time.perf_counter()
        step.backward(loss)
        forward.append(middle - start)
        backward.append(time.perf_counter() - middle)
    parts = median(forward[WARM_UP:]), median(backward[WARM_UP:])
    return {
        "head": name,
        "parameters": f"{sum(p.numel() for p in step.head.parameters()):,}",
        "forward ms": f"{1e3 * parts[0]:.0f}",
        "backward and update ms": f"{1e3 * parts[1]:.0f}",
        "step ms": f"{1e3 * sum(parts):.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patches", type=int, default=15)
    parser.add_argument("--classes", type=int, default=22)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    sizes = {"width": WIDTH, "patch": PATCH, "text_width": TEXT_WIDTH, "taps": TAPS}
    heads = {
        "attention, quarter": (AttentionHead(**sizes), LossWeights(resolution="quarter")),
        "dense, quarter": (_dense(sizes, args.classes), LossWeights(resolution="quarter")),
        "dense, label": (_dense(sizes, args.classes), LossWeights(resolution="label")),
        "dense, sampled": (_dense(sizes, args.classes), LossWeights()),
        "dense, sampled, cross-entropy alone": (
            _dense(sizes, args.classes), LossWeights(tri=0, ms=0, gen=0),
        ),
    }  # fmt: skip
    steps = {name: Step(head, loss, args) for name, (head, loss) in heads.items()}
    print(machine())
    show("Steps of a head", [measured(name, step, args.steps) for name, step in steps.items()])
    if args.profile:
        for name in ("attention, quarter", "dense, sampled"):
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                steps[name].backward(steps[name].forward())
            table = seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12)
            print(f"\n{name}\n{table}")


def _dense(sizes: dict[str, int], classes: int) -> DenseHead:
    return DenseHead(HeadConfig(), classes=classes, **sizes)


if __name__ == "__main__":
    main()
