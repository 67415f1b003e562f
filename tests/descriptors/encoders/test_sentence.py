"""The sentence encoder gives unit rows in order, and never cuts a text in silence."""

import numpy as np


def test_encode__gives_unit_rows_in_the_order_asked(minilm):
    texts = ["rows of reddish blocks", "a", "wooden planks " * 5]
    vectors, _ = minilm.encode(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone, _ = minilm.encode(texts[2:])
    np.testing.assert_allclose(vectors[2], alone[0], atol=1e-5)


def test_encode__puts_related_phrases_nearer_than_unrelated_ones(minilm):
    (brick, masonry, waves), _ = minilm.encode(["brick wall", "masonry blocks", "foaming waves"])
    assert brick @ masonry > brick @ waves + 0.2


def test_encode__counts_the_tokens_of_a_text_it_cuts(minilm):
    _, n_tokens = minilm.encode(["sky", "sky " * 400])
    assert n_tokens.tolist() == [3, 402]
    assert n_tokens[1] > minilm.record.max_tokens


def test_encode__of_nothing_has_the_right_width(minilm):
    vectors, n_tokens = minilm.encode([])
    assert (vectors.shape, n_tokens.shape) == ((0, 384), (0,))
