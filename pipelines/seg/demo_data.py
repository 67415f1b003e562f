"""`langseg-seg demo-data`: render the demo dataset.

In:  a folder, a seed, how many pictures, their size.
Out: the dataset; a report of what was done.
"""

from dataclasses import dataclass
from pathlib import Path

from langseg.cache.counted import counted
from langseg.pipelines.shared.progress import Advance
from langseg.segmenter.demo_world.dataset import render_demo_dataset


@dataclass(frozen=True, kw_only=True)
class DemoDataReport:
    """``rendered`` pictures, 0 where they were there already."""

    out: Path
    rendered: int
    sentence: str


def run_demo_data(
    out: Path, seed: int, n_train: int, n_val: int, size: tuple[int, int], advance: Advance
) -> DemoDataReport:
    """Render the demo dataset, unless it is there."""
    rendered = 0

    def on_progress(phase: str, done: int, total: int) -> None:
        nonlocal rendered
        rendered = done
        advance(done, total, phase=phase)

    render_demo_dataset(out, seed, n_train, n_val, size, on_progress)
    training = counted(n_train, "training picture")
    what = f"{training} and {counted(n_val, 'validation picture')} in ADE20K's layout"
    sentence = f"{out}: {what}{'' if rendered else ', there already'}"
    return DemoDataReport(out=out, rendered=rendered, sentence=sentence)
