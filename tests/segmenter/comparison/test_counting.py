import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from langseg.segmenter.comparison.counting import Cells, Labelled


def as_table(cells: Cells) -> dict[tuple[int, int], int]:
    return {(t, p): n for t, p, n in zip(*(of.tolist() for of in cells), strict=True)}


@given(st.integers(0, 10_000), st.integers(0, 3), st.floats(-2, 2))
def test_count__is_what_patches_and_classes_counted_one_by_one_give(seed, more, bias):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 4, (9, 5), generator=generator) * torch.randint(
        0, 2, (9, 5), generator=generator
    )
    scores = torch.randn(9, 5 + more, generator=generator)
    unseen = (1, 3)
    found = Labelled(counts).count(scores, unseen, bias)
    new = [1, 3, *range(5, 5 + more)]
    wanted: dict[str, dict[tuple[int, int], int]] = {"among": {}, "all": {}, "calibrated": {}}
    for patch in range(9):
        added = [float(scores[patch, one]) + bias * (one in new) for one in range(5 + more)]
        answers = {
            "among": new[int(np.argmax([float(scores[patch, one]) for one in new]))],
            "all": int(scores[patch].argmax()),
            "calibrated": int(np.argmax(np.array(added, np.float32))),
        }
        for protocol, answer in answers.items():
            for true in range(5):
                pixels = int(counts[patch, true])
                if pixels and (protocol != "among" or true in unseen):
                    key = true, answer
                    wanted[protocol][key] = wanted[protocol].get(key, 0) + pixels
    assert {name: as_table(cells) for name, cells in found.items()} == wanted


def test_count__without_a_bias_there_is_no_calibrated_answer():
    found = Labelled(torch.ones(2, 3, dtype=torch.int64)).count(torch.zeros(2, 3), (0, 1), None)
    assert set(found) == {"among", "all"}
