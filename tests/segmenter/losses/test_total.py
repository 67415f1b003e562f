from dataclasses import replace

import pytest
import torch

from langseg.cache.errors import UsageError
from langseg.segmenter.heads.base import HeadOutput
from langseg.segmenter.losses.total import total_loss
from langseg.segmenter.losses.weights import LossWeights
from tests.support.loss_inputs import NOTHING, some_labels, some_output


def test_total_loss__is_the_weighted_sum_of_its_terms():
    weights = LossWeights(seg=2.0, tri=0.5, ms=0.25, gen=0.125)
    total, terms = total_loss(some_output(), some_labels(), torch.tensor([1, 2]), weights)
    assert list(terms) == ["seg", "tri", "ms", "gen"]
    wanted = sum(getattr(weights, name) * float(term) for name, term in terms.items())
    assert total.item() == pytest.approx(wanted, rel=1e-5)


def test_total_loss__leaves_out_what_weighs_nothing_or_is_not_there():
    scenes = torch.tensor([1, 2])
    off = LossWeights(tri=0, ms=0, gen=0)
    assert list(total_loss(some_output(), some_labels(), scenes, off)[1]) == ["seg"]
    linear = HeadOutput(logits=some_output().logits, padded=(16, 16))
    assert list(total_loss(linear, some_labels(), scenes, LossWeights())[1]) == ["seg"]


def test_total_loss__of_a_batch_without_labels_is_zero_with_a_graph():
    output = some_output(requires_grad=True)
    total, _ = total_loss(output, NOTHING, torch.tensor([-1, -1]), LossWeights())
    assert total.item() == 0
    total.backward()
    assert output.logits.grad is not None
    assert bool(torch.isfinite(output.logits.grad).all())
    assert float(output.logits.grad.abs().sum()) == 0


def test_total_loss__of_one_class_alone_is_finite():
    output = some_output()
    assert output.classes is not None
    assert output.presence is not None
    one = replace(
        output, logits=output.logits[:, :1], aux=tuple(tap[:, :1] for tap in output.aux),
        classes=output.classes[:, :1], presence=output.presence[:, :1],
    )  # fmt: skip
    total, _ = total_loss(one, torch.zeros(2, 16, 16).long(), torch.tensor([1, 1]), LossWeights())
    assert bool(torch.isfinite(total))


@pytest.mark.parametrize("name", ["seg", "tri", "ms", "gen", "margin", "guard"])
def test_loss_weights__are_never_negative(name):
    with pytest.raises(UsageError, match=name):
        LossWeights(**{name: -0.1})
