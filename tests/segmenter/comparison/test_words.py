import numpy as np
import torch

from langseg.segmenter.comparison.words import arm_words
from tests.support.tiny_segmenter import tiny_bank


def test_kernel__is_the_cosine_of_words_without_the_mean_of_the_trained_ones():
    words = arm_words(tiny_bank(), "real", None)
    trained = torch.tensor([True, True, False])
    found = words.kernel(trained)
    centre = words.vectors[:2].mean(dim=0)
    one, other = words.vectors[0] - centre, words.vectors[2] - centre
    torch.testing.assert_close(found[0, 2], torch.cosine_similarity(one, other, dim=0))
    assert not found[2].any()


def test_kernel__of_a_rank_is_the_cosine_within_the_main_directions_of_the_trained_words():
    words = arm_words(tiny_bank(), "real", None)
    trained = torch.tensor([True, True, False])
    found = words.kernel(trained, 1)
    # Of two trained words one direction is left without their mean; they are its two ends.
    torch.testing.assert_close(found[:2, :2], torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    assert abs(float(found[0, 2])) > abs(float(words.kernel(trained)[0, 2]))
    torch.testing.assert_close(found[0, 2].abs(), torch.tensor(1.0))
    torch.testing.assert_close(words.kernel(trained, 9), words.kernel(trained, 2))


def test_kernel__of_words_beside_has_rows_for_them_behind_the_asked_dataset_s():
    bank = tiny_bank()
    words = arm_words(bank, "real", None, beside=[(bank, 2)])
    trained = torch.tensor([True, True, False, False, True])
    found = words.kernel(trained)
    assert found.shape == (5, 3)
    torch.testing.assert_close(found[4], found[1])
    centre = words.vectors[[0, 1, 1]].mean(dim=0)
    one, other = words.vectors[1] - centre, words.vectors[2] - centre
    torch.testing.assert_close(found[4, 2], torch.cosine_similarity(one, other, dim=0))
    assert not found[[2, 3]].any()


def test_arm_words__are_the_plain_mean_of_a_class_s_phrases():
    bank = tiny_bank(scenes=0)
    mean = (bank.emb.astype(np.float32) * bank.mask[..., None]).sum(axis=1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(arm_words(bank, "real", None).vectors.numpy(), mean, atol=2e-3)


def test_arm_words__one_phrase_is_the_name_and_a_draw_is_fixed_by_its_seed():
    bank = tiny_bank()
    name = torch.from_numpy(bank.emb[:, 0].astype(np.float32))
    torch.testing.assert_close(arm_words(bank, "phrases-1", 0, 1).vectors, name, atol=2e-3, rtol=0)
    two, again, other = (arm_words(bank, "phrases-2", seed, 2).vectors for seed in (0, 0, 1))
    assert torch.equal(two, again)
    assert not torch.equal(two, other)


def test_label__tells_the_draws_of_an_arm_apart():
    assert arm_words(tiny_bank(), "names", None).label == "names"
    assert arm_words(tiny_bank(), "random", 2).label == "random.2"
