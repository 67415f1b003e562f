from dataclasses import replace
from typing import Any

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


def test_total_loss__of_a_step_is_the_mean_of_its_parts():
    output, labels, scenes = some_output(), some_labels(), torch.tensor([-1, 2])
    labels[0, 3:] = -1  # few are labelled
    whole, terms = total_loss(output, labels, scenes, LossWeights())
    halves = [
        total_loss(_picture(output, i), labels[i : i + 1], scenes[i : i + 1], LossWeights())
        for i in range(2)
    ]
    assert whole.item() == pytest.approx(sum(total.item() for total, _ in halves) / 2, rel=1e-5)
    for name, term in terms.items():
        mean = sum(half[name].item() for _, half in halves) / 2
        assert term.item() == pytest.approx(mean, rel=1e-5)


def _picture(output: HeadOutput, number: int) -> HeadOutput:
    def one(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(one, value))
        return value[number : number + 1] if isinstance(value, torch.Tensor) else value

    names = ("logits", "aux", "presence", "scene_logits", "classes", "pixels")
    return replace(output, **{name: one(getattr(output, name)) for name in names})


def test_total_loss__leaves_out_what_weighs_nothing_or_is_not_there():
    scenes = torch.tensor([1, 2])
    off = LossWeights(tri=0, ms=0, gen=0)
    assert list(total_loss(some_output(), some_labels(), scenes, off)[1]) == ["seg"]
    linear = HeadOutput(logits=some_output().logits, padded=(16, 16))
    assert list(total_loss(linear, some_labels(), scenes, LossWeights())[1]) == ["seg"]


def test_total_loss__balance_weighs_classes_at_each_tap_as_in_the_whole():
    output, scenes = some_output(), torch.tensor([1, 2])
    plain, balanced = (
        total_loss(output, some_labels(), scenes, LossWeights(balance=balance))[1]
        for balance in (0.0, 1.0)
    )
    changed = [name for name in plain if not torch.equal(plain[name], balanced[name])]
    assert changed == ["seg", "ms"]


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
    negative: dict[str, Any] = {name: -0.1}
    with pytest.raises(UsageError, match=name):
        LossWeights(**negative)
