"""The map of likeness puts like classes together, shows every pair and stays small."""

import re

import numpy as np
import pytest

from langseg.pipelines.pages.likeness_map import MOST, draw_map, like_together


def test_map__puts_like_classes_side_by_side():
    groups = np.arange(12) % 3
    likeness = np.where(groups[:, None] == groups, 0.7, 0.0).astype(np.float32)
    order = groups[like_together(likeness)]
    assert (np.diff(order) != 0).sum() == 2


def test_map__draws_every_cell_once_and_its_mirror():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = draw_map([str(i) for i in range(9)], rows @ rows.T)
    cells = {
        (int(x) + step, int(y))
        for path in drawn.paths
        for x, y, run in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)
        for step in range(int(run))
    }
    assert {(y, x) for x, y in cells} == cells
    assert {(i, i) for i in range(9)} <= cells


@pytest.mark.parametrize("count", [0, 1, 150, MOST + 200])
def test_map__stays_small(count):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(count, 8)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    drawn = draw_map([f"class {i}" for i in range(count)], rows @ rows.T)
    assert len(drawn.labels) == min(count, MOST)
    assert sum(map(len, drawn.paths)) < 1_000_000
