import numpy as np
import torch
from torch import Tensor

from langseg.segmenter.training.step_words import StepWords, renumber, step_rng, step_words
from tests.support.tiny_segmenter import tiny_tensors

LABELS = torch.tensor([[[0, 4], [-1, 4]]])
PRESENT = np.array([True, False, False, False, True, False])


def draw(step: int = 0, unseen: frozenset[int] = frozenset(), **shares: float) -> StepWords:
    values = {"class_share": 1.0, "descriptor_share": 1.0, "told_share": 0.5} | shares
    return step_words(
        tiny_tensors(classes=6), PRESENT, 1, rng=step_rng(7, step), unseen=unseen, **values
    )


def labels_of(words: StepWords) -> Tensor:
    return renumber(LABELS, words.chosen, 6)


def test_renumber__gives_places_in_the_chosen_classes_and_ignores_the_others():
    got = renumber(torch.tensor([[0, 3, -1], [2, 5, 3]]), torch.tensor([2, 3]), 6)
    assert got.tolist() == [[-1, 1, -1], [0, -1, 1]]


def test_step_words__always_keeps_the_classes_that_are_there():
    words = draw(class_share=0.0)
    assert words.bank.mask.shape[0] == 2
    assert labels_of(words).tolist() == [[[0, 1], [-1, 1]]]
    assert torch.equal(words.bank.emb, tiny_tensors(classes=6).emb[[0, 4]])


def test_step_words__takes_words_and_pixels_from_an_unseen_class():
    words = draw(unseen=frozenset({4}))
    assert words.bank.mask.shape[0] == 5
    assert labels_of(words).tolist() == [[[0, -1], [-1, -1]]]


def test_step_words__keeps_one_seen_class_where_nothing_labelled_is_left():
    words = draw(class_share=0.0, unseen=frozenset({0, 4}))
    assert torch.equal(words.bank.emb, tiny_tensors(classes=6).emb[[1]])
    assert labels_of(words).unique().tolist() == [-1]


def test_step_words__drops_a_share_of_descriptors_but_never_all():
    masks = [draw(step, descriptor_share=0.3).bank.mask for step in range(200)]
    assert all(bool(mask.any(dim=1).all()) for mask in masks)
    share = np.mean([float(mask[1:].float().mean()) for mask in masks])
    assert 0.3 < share < 0.42  # 0.3, and the class that would be left with none keeps one


def test_step_words__tells_the_scene_to_a_share_of_the_images():
    told = [bool(draw(step, told_share=0.5).told[0]) for step in range(200)]
    assert 70 < told.count(True) < 130


def test_step_words__is_a_pure_function_of_seed_and_step():
    first, second, other = (draw(step, class_share=0.5, descriptor_share=0.5) for step in (3, 3, 4))
    assert torch.equal(first.bank.mask, second.bank.mask)
    assert torch.equal(first.chosen, second.chosen)
    assert first.bank.mask.shape != other.bank.mask.shape or not torch.equal(
        first.bank.mask, other.bank.mask
    )
