import numpy as np

from langseg.segmenter.inference.palette import class_colour


def test_class_colour__differs_for_every_id_and_clearly_for_the_first_256():
    colours = np.array([class_colour(value) for value in range(1000)], int)
    assert len(np.unique(colours, axis=0)) == 1000
    apart = np.abs(colours[:256, None] - colours[None, :256]).sum(axis=2) + 999 * np.eye(256)
    assert apart.min() >= 16


def test_class_colour__of_an_id_never_changes():
    assert [class_colour(value) for value in (0, 1, 150)] == [
        (153, 76, 76), (207, 50, 221), (220, 60, 179)
    ]  # fmt: skip
