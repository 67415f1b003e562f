import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.segmenter.comparison.calibration import GRID, BiasChoice

CLASSES = 6


def fold(generator: torch.Generator, hidden: list[int]) -> tuple[torch.Tensor, ...]:
    scores = torch.randn(40, CLASSES, generator=generator)
    counts = torch.nn.functional.one_hot(
        torch.randint(0, CLASSES, (40,), generator=generator), CLASSES
    )
    is_hidden = torch.zeros(CLASSES, dtype=torch.bool)
    is_hidden[hidden] = True
    trained = ~is_hidden
    trained[5] = False  # a class of the split's unseen ones
    return scores, counts, is_hidden, trained


def harmonic_of(folds: list[tuple[torch.Tensor, ...]], bias: float) -> float:
    """From its definition, a patch at a time."""
    right, true, said = (dict[tuple[int, bool], int]() for _ in range(3))
    for scores, counts, hidden, trained in folds:
        for row, label in zip(scores, counts.argmax(dim=1).tolist(), strict=True):
            if not (hidden[label] or trained[label]):
                continue
            known = max(float(row[one]) for one in range(CLASSES) if trained[one])
            new = max(float(row[one]) for one in range(CLASSES) if hidden[one])
            best = new if np.float32(known) - np.float32(new) < bias else known
            answer = next(
                one for one in range(CLASSES)
                if float(row[one]) == best and (hidden[one] or trained[one])
            )  # fmt: skip
            for table, key in (
                (true, (label, bool(hidden[label]))), (said, (answer, bool(hidden[answer])))
            ):  # fmt: skip
                table[key] = table.get(key, 0) + 1
            if answer == label:
                key = label, bool(hidden[label])
                right[key] = right.get(key, 0) + 1
    sides = []
    for side in (False, True):
        ious = [
            right.get(key, 0) / (true[key] + said.get(key, 0) - right.get(key, 0))
            for key in true if key[1] == side
        ]  # fmt: skip
        sides.append(float(np.mean(ious)))
    return 2 * sides[0] * sides[1] / max(1e-12, sum(sides))


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000))
def test_best__is_the_quantile_with_the_greatest_harmonic_mean(seed):
    generator = torch.Generator().manual_seed(seed)
    folds = [fold(generator, [0, 1]), fold(generator, [2, 3, 4])]
    choice = BiasChoice(CLASSES)
    gaps = []
    for scores, counts, hidden, trained in folds:
        choice.add(scores, counts, hidden, trained)
        held = (counts * (hidden | trained)).sum(dim=1) > 0
        gaps.append(scores[held][:, trained].amax(dim=1) - scores[held][:, hidden].amax(dim=1))
    biases = np.quantile(torch.cat(gaps).numpy(), np.linspace(0, 1, GRID))
    wanted = max(harmonic_of(folds, float(bias)) for bias in biases)
    assert harmonic_of(folds, choice.best()) == pytest.approx(wanted)


def test_best__of_nothing_adds_nothing():
    assert BiasChoice(3).best() == 0.0
