from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from langseg.cache.errors import UsageError
from langseg.segmenter.text.collapse import (
    BankTensors,
    collapse,
    descriptor_weights,
    labelled_scene,
    scene_index,
    scene_probabilities,
)
from tests.support.tiny_segmenter import tiny_bank, tiny_tensors

SEEDS = st.integers(0, 2**31 - 1)


def token(bank: BankTensors, seed: int = 1, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(batch, bank.emb.shape[2], generator=generator), dim=-1)


def flat(bank: BankTensors) -> BankTensors:
    """Every descriptor in every scene."""
    return replace(bank, prior=torch.ones_like(bank.prior))


def anywhere(bank: BankTensors, batch: int = 2) -> torch.Tensor:
    return torch.full((batch, len(bank.scene)), 1 / len(bank.scene))


def test_descriptor_weights__are_the_published_formula():
    bank = tiny_tensors(classes=4, k=3, seed=5)
    bank = replace(bank, weight=bank.weight * torch.tensor([1.0, 0.2, 0.6]))
    g, beta = token(bank), 3.0
    p = torch.tensor([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    got = descriptor_weights(bank, g, p, beta)
    for b in range(2):
        for c in range(4):
            valid = [k for k in range(3) if bank.mask[c, k]]
            score = [
                beta * float(g[b] @ bank.emb[c, k])
                + np.log(float(bank.weight[c, k]))
                + np.log(sum(float(p[b, s] * bank.prior[s, c, k]) for s in range(3)))
                for k in valid
            ]
            wanted = np.exp(score) / np.exp(score).sum()
            np.testing.assert_allclose(got[b, c, valid].numpy(), wanted, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_collapse__with_beta_0_and_equal_weights_is_the_mean(seed):
    bank = flat(tiny_tensors(seed=seed))
    mean = torch.stack([bank.emb[c][bank.mask[c]].mean(dim=0) for c in range(3)])
    got = collapse(bank, token(bank, seed), anywhere(bank), beta=0.0)
    torch.testing.assert_close(got, F.normalize(mean, dim=-1).expand(2, -1, -1))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_collapse__with_a_large_beta_is_the_most_similar_descriptor(seed):
    bank = flat(tiny_tensors(seed=seed))
    g = token(bank, seed)
    similarity = torch.einsum("bd,ckd->bck", g, bank.emb).masked_fill(~bank.mask, -2)
    best = bank.emb[torch.arange(3), similarity.argmax(dim=-1)]
    torch.testing.assert_close(
        collapse(bank, g, anywhere(bank), beta=1e6), F.normalize(best, dim=-1)
    )


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, beta=st.floats(0, 20))
def test_collapse__masked_rows_never_matter(seed, beta):
    bank = tiny_tensors(seed=seed)
    g, p = token(bank, seed), anywhere(bank)
    noise = torch.where(bank.mask[..., None], bank.emb, 7.0)
    weight = torch.where(bank.mask, bank.weight, 3.0)
    changed = replace(bank, emb=noise, weight=weight)
    assert torch.equal(collapse(bank, g, p, beta), collapse(changed, g, p, beta)) or (
        (collapse(bank, g, p, beta) - collapse(changed, g, p, beta)).abs().max() < 1e-6
    )
    assert bool((descriptor_weights(changed, g, p, beta)[:, ~bank.mask] == 0).all())


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, beta=st.floats(0, 20))
def test_collapse__the_order_of_descriptors_does_not_matter(seed, beta):
    bank = tiny_tensors(seed=seed)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    shuffled = replace(
        bank, emb=bank.emb[:, order], mask=bank.mask[:, order], weight=bank.weight[:, order],
        prior=bank.prior[:, :, order],
    )  # fmt: skip
    g, p = token(bank, seed), anywhere(bank)
    torch.testing.assert_close(collapse(bank, g, p, beta), collapse(shuffled, g, p, beta))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, beta=st.floats(0, 20))
def test_collapse__follows_the_order_of_classes(seed, beta):
    bank, order = tiny_tensors(seed=seed), torch.tensor([2, 0, 1])
    g, p = token(bank, seed), anywhere(bank)
    torch.testing.assert_close(
        collapse(bank.select(order), g, p, beta), collapse(bank, g, p, beta)[:, order]
    )


def test_descriptor_weights__a_scene_raises_its_own_descriptors():
    bank = tiny_tensors()  # the last descriptor belongs to the last scene
    here, elsewhere = torch.eye(3)[2:], torch.eye(3)[1:2]
    g = token(bank, batch=1)
    assert bool((descriptor_weights(bank, g, here, 0.0)[0, 1:, -1] > 0.2).all())
    assert bool((descriptor_weights(bank, g, elsewhere, 0.0)[0, 1:, -1] < 1e-3).all())


def test_collapse__has_a_gradient_for_the_scene_token_and_no_nan():
    bank = tiny_tensors()
    g = token(bank).requires_grad_()
    weightless = replace(bank, weight=bank.weight * (torch.arange(4) != 1))
    collapse(weightless, g, anywhere(bank), 5.0)[..., 0].sum().backward()
    assert g.grad is not None
    assert bool(torch.isfinite(g.grad).all())
    assert float(g.grad.abs().sum()) > 0


def test_scene_probabilities__a_known_scene_is_certain_and_an_unknown_one_is_guessed():
    logits = torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    p = scene_probabilities(logits, torch.tensor([2, -1]))
    assert p[0].tolist() == [0.0, 0.0, 1.0]
    torch.testing.assert_close(p[1], logits[1].softmax(dim=0))
    torch.testing.assert_close(scene_probabilities(logits), logits.softmax(dim=1))


def test_drop__always_leaves_a_descriptor_that_weighs_something():
    bank = tiny_tensors()
    weight = bank.weight.clone()
    weight[1, 0] = 0.0
    left = replace(bank, weight=weight).drop(torch.zeros(3, 4).bool())
    assert left.mask.tolist() == [
        [True, False, False, False],
        [False, True, False, False],
        [True, False, False, False],
    ]
    assert torch.equal(bank.drop(torch.ones(3, 4).bool()).mask, bank.mask)


def test_bank_tensors__do_not_share_memory_with_the_mapped_bank():
    bank = tiny_bank()
    for name in ("emb", "mask", "weight", "scene", "prior"):
        getattr(bank, name).setflags(write=False)
    tensors = BankTensors.of(bank)
    tensors.weight.zero_()
    assert float(bank.weight.sum()) == pytest.approx(3.0)


def test_labelled_scene__knows_the_names_that_a_dataset_has_for_a_scene():
    bank = replace(tiny_bank(), scene_names={"kitchen": ("galley",)})
    rows = {"kitchen": 1, "galley": 1, "Galley": 1, "GALLEY ": 1, "street": 2, "attic": -1, "*": -1}
    assert {label: labelled_scene(bank, label) for label in rows} == rows
    assert scene_index(bank, "galley") == 1


def test_scene_index__names_the_scenes_there_are():
    bank = tiny_bank()
    assert scene_index(bank, None) == -1
    assert scene_index(bank, "*") == 0
    assert scene_index(bank, "street") == 2
    with pytest.raises(UsageError, match="'attic': wanted one of the bank's scenes .*kitchen, str"):
        scene_index(bank, "attic")
    with pytest.raises(UsageError, match="did you mean 'kitchen'"):
        scene_index(bank, "kitchin")
