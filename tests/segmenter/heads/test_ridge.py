import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from langseg.segmenter.heads import ridge
from langseg.segmenter.heads.ridge import MIN_PENALTY, AlignedMap, RidgeSums, patches
from tests.support.tiny_segmenter import tiny_vit


def _data(seed: int = 0, n: int = 200, f: int = 5, c: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, f, generator=generator) * torch.tensor([1.0, 5.0, 0.1, 2.0, 3.0]) + 1
    y = F.one_hot(torch.randint(c, (n,), generator=generator), c).float()
    return torch.cat([x, torch.ones(n, 1)], dim=1), y


def _summed(x: torch.Tensor, y: torch.Tensor) -> RidgeSums:
    sums = RidgeSums.empty(x.shape[1], y.shape[1])
    sums.add(x, y)
    return sums


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_solve__is_ridge_regression_on_standardised_channels(penalty):
    x, y = _data()
    raw = x[:, :-1].double().numpy()
    standard = (raw - raw.mean(0)) / raw.std(0)
    centred = y.double().numpy() - y.double().numpy().mean(0)
    n = len(raw)
    wanted = np.linalg.solve(standard.T @ standard + penalty * n * np.eye(5), standard.T @ centred)
    solved = _summed(x, y).solve(penalty)
    got = (x.double() @ solved).numpy()
    # the constant is shrunk by a millionth, no more
    tolerance = 10 * penalty * MIN_PENALTY + 1e-5
    np.testing.assert_allclose(got, standard @ wanted + y.numpy().mean(0), atol=tolerance)


@given(st.integers(0, 200), st.integers(0, 10))
def test_sums__do_not_depend_on_how_patches_are_dealt_out(cut, seed):
    x, y = _data(seed)
    parts = _summed(x[:cut], y[:cut]) + _summed(x[cut:], y[cut:])
    whole = _summed(x, y)
    torch.testing.assert_close(parts.gram, whole.gram, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(parts.cross, whole.cross, rtol=1e-5, atol=1e-3)


def test_sums__a_patch_without_a_label_has_no_say():
    x, y = _data()
    y[100:] = 0
    torch.testing.assert_close(_summed(x, y).solve(0.1), _summed(x[:100], y[:100]).solve(0.1))


def test_sums__of_no_patch_give_nothing():
    assert RidgeSums.empty(6, 3).solve(0.1).abs().max() == 0


def _fitted(classes: int = 4, width: int = 16) -> AlignedMap:
    aligned = AlignedMap(width=48, taps=4, text_width=width, classes=classes)
    generator = torch.Generator().manual_seed(1)
    aligned.words.copy_(F.normalize(torch.randn(classes, width, generator=generator), dim=-1))
    for buffer in (aligned.weight, aligned.judge):
        buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return aligned


def test_aligned__a_class_is_nearest_to_its_own_words():
    aligned = _fitted()
    near = aligned.kernel(aligned.words)
    torch.testing.assert_close(near.diagonal(), torch.ones(4))
    assert (near - torch.eye(4)).max() < 1
    torch.testing.assert_close(near, near.mT)


def test_aligned__nothing_is_near_to_a_class_that_was_not_trained():
    aligned = _fitted()
    new = aligned.words[3].clone()
    aligned.words[3] = 0
    near = aligned.kernel(torch.stack([*aligned.words[:3], new]))
    assert near[:, 3].tolist() == [0.0] * 4
    assert near[3, :3].min() > 0  # it is asked by its neighbours


def test_aligned__reads_all_taps_the_token_and_a_constant():
    features = tiny_vit()(torch.rand(2, 3, 32, 48))
    x = patches(features)
    assert x.shape == (2, 4 * 6, 5 * 48 + 1)
    torch.testing.assert_close(x[1, 7, 48:96], features.taps[1][1, :, 1, 1])
    torch.testing.assert_close(x[1, 7, -49:-1], features.cls[1])
    assert x[..., -1].unique().tolist() == [1.0]


def test_aligned__holds_nothing_that_an_optimiser_could_move():
    assert list(_fitted().parameters()) == []


def _asked(aligned: AlignedMap, new: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches, and the class vectors of all words and of further ones."""
    generator = torch.Generator().manual_seed(2)
    x = 0.1 * torch.randn(6, len(aligned.weight), generator=generator)
    others = F.normalize(torch.randn(new, aligned.words.shape[1], generator=generator), dim=-1)
    return x, torch.cat([others, aligned.words])


def test_new__is_a_class_vector_that_no_trained_class_has():
    aligned = _fitted()
    _, classes = _asked(aligned, 2)
    aligned.words[3] = 0
    assert aligned.new(classes).tolist() == [True, True, False, False, False, True]


@pytest.mark.parametrize("trained", [True, False])
def test_read__of_trained_or_of_new_words_alone_asks_no_judge(trained):
    aligned = _fitted()
    x, classes = _asked(aligned, 3)
    classes = classes[3:] if trained else classes[:3]
    near = aligned.kernel(classes) if trained else aligned.cosines(classes)
    got = aligned.read(x, classes, aligned.new(classes))
    assert torch.equal(got, x @ (aligned.weight @ (aligned.scale * near).mT))


def test_read__of_both_gives_each_side_what_the_judge_and_their_numbers_say():
    aligned = _fitted()
    x, classes = _asked(aligned, 3)
    new = aligned.new(classes)
    assert new.tolist() == [True] * 3 + [False] * 4
    got = aligned.read(x, classes, new)
    odds = aligned.lead(x, classes[:3]) * aligned.judge[0] + aligned.judge[1]
    torch.testing.assert_close(
        got[:, :3].exp().sum(dim=1), (odds + torch.tensor(3 / 4).log()).sigmoid()
    )
    torch.testing.assert_close(got.exp().sum(dim=1), torch.ones(6))
    for side in (slice(3), slice(3, None)):
        alone = aligned.read(x, classes[side], new[side])
        torch.testing.assert_close(got[:, side].log_softmax(dim=1), alone.log_softmax(dim=1))


def test_read__of_both_judges_each_class_by_its_words_alone():
    aligned, order = _fitted(), torch.tensor([4, 0, 6, 2, 1, 5, 3])
    x, classes = _asked(aligned, 3)
    straight, shuffled = (aligned.read(x, c, aligned.new(c)) for c in (classes, classes[order]))
    torch.testing.assert_close(shuffled, straight[:, order])


def test_lead__is_an_average_over_the_patches_that_look_alike(monkeypatch):
    aligned = _fitted()
    x, classes = _asked(aligned, 3)
    x[3:] = x[0]  # four of six
    lead = aligned.lead(x, classes[:3])
    assert lead[[0, 3, 4, 5]].std() < 1e-5
    shares = x @ aligned.weight
    best, known = (
        (shares @ aligned.cosines(each).mT).amax(dim=1) for each in (classes[:3], classes[3:])
    )
    looks = F.normalize((x - aligned.mean) / aligned.deviation, dim=1)
    wanted = (5 * looks @ looks.mT).softmax(dim=1) @ (best - known)
    torch.testing.assert_close(lead, wanted)
    monkeypatch.setattr(ridge, "ROWS", 4)
    torch.testing.assert_close(aligned.lead(x, classes[:3]), wanted)
