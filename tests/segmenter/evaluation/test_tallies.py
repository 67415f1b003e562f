"""What IoU needs, counted of each class."""

import math

import numpy as np
import torch

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.evaluation.metrics import confusion, scores_of
from langseg.segmenter.evaluation.tallies import labelled_miou, tally, tally_of

RNG = np.random.default_rng(0)
PRED, TRUE = RNG.integers(IGNORE, 5, (2, 40, 30))


def test_tally__is_that_of_the_confusion_matrix():
    counts = confusion(torch.from_numpy(PRED), torch.from_numpy(TRUE), 5)
    assert (tally(PRED, TRUE, 5) == tally_of(counts)).all()


def test_miou__is_that_of_the_scores_where_labels_hold_every_class():
    counts = confusion(torch.from_numpy(PRED), torch.from_numpy(TRUE), 5)
    assert math.isclose(labelled_miou(tally_of(counts)), scores_of(counts).miou)


def test_a_class_that_is_only_predicted__takes_no_place_in_the_mean():
    true, pred = np.array([[0, 0, 1, 1]]), np.array([[0, 2, 1, 1]])
    assert labelled_miou(tally(pred, true, 4)) == 0.75  # 1/2 and 1


def test_nothing_labelled__has_no_miou():
    assert math.isnan(labelled_miou(tally(PRED, np.full_like(PRED, IGNORE), 5)))
