"""`langseg-seg demo-data`: render the demo dataset.

In:  a folder, a seed, how many pictures, their size.
Out: the dataset; what was done, as a JSON-able dict with a ``sentence``.
"""

from pathlib import Path
from typing import Any

from langseg.pipelines.shared.progress import Advance
from langseg.segmenter.demo_world.dataset import render_demo_dataset


def run_demo_data(
    out: Path, seed: int, n_train: int, n_val: int, size: tuple[int, int], advance: Advance
) -> dict[str, Any]:
    """Render the demo dataset, unless it is there."""
    rendered = 0

    def on_image(done: int, total: int) -> None:
        nonlocal rendered
        rendered = done
        advance(done, total)

    render_demo_dataset(out, seed, n_train, n_val, size, on_image)
    what = f"{n_train} training and {n_val} validation pictures in ADE20K's layout"
    return {
        "out": str(out),
        "rendered": rendered,
        "sentence": f"{out}: {what}{'' if rendered else ', there already'}",
    }
