from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from langseg.cache.errors import UsageError
from langseg.segmenter.heads.dense import HeadOutput
from langseg.segmenter.losses.total import (
    LossWeights,
    generative_loss,
    multiscale_loss,
    region_means,
    sample_labels,
    segmentation_loss,
    total_loss,
    triplet_loss,
)

NOTHING = torch.full((2, 16, 16), -1)


def some_output(requires_grad: bool = False) -> HeadOutput:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).requires_grad_(requires_grad)

    return HeadOutput(
        logits=random(2, 3, 4, 4), padded=(16, 16), aux=tuple(random(2, 3, 2, 2) for _ in range(4)),
        alpha=torch.tensor([0.1, 0.2, 0.3, 0.4]), presence=random(2, 3), scene_logits=random(2, 3),
        classes=F.normalize(random(2, 3, 8), dim=-1), pixels=random(2, 5, 4, 4),
        to_text=torch.nn.Linear(5, 8),
    )  # fmt: skip


def some_labels() -> torch.Tensor:
    return torch.randint(-1, 3, (2, 16, 16), generator=torch.Generator().manual_seed(1))


def test_sample_labels__reads_the_centre_of_each_cell():
    labels = torch.arange(64).view(1, 8, 8)
    assert sample_labels(labels, (2, 2)).tolist() == [[[18, 22], [50, 54]]]
    assert torch.equal(sample_labels(labels, (8, 8)), labels)


def test_segmentation_loss__is_cross_entropy_over_labelled_cells():
    logits, labels = some_output().logits, some_labels()
    wanted = F.cross_entropy(logits, labels[:, 2::4, 2::4], ignore_index=-1)
    torch.testing.assert_close(segmentation_loss(logits, labels), wanted)


def test_multiscale_loss__weighs_the_taps_and_does_not_train_the_weights():
    output, labels = some_output(), some_labels()
    alpha = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    aux = tuple(tap.requires_grad_() for tap in output.aux)
    loss = multiscale_loss(aux, alpha, labels)
    each = [segmentation_loss(tap, labels).item() for tap in aux]
    wanted = 0.1 * each[0] + 0.2 * each[1] + 0.3 * each[2] + 0.4 * each[3]
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    loss.backward()
    assert alpha.grad is None


def test_region_means__are_the_mean_pixel_of_each_class_in_each_image():
    pixels, labels = torch.randn(2, 8, 4, 4), torch.full((2, 4, 4), -1)
    labels[0, :2], labels[0, 3], labels[1, 0, 0] = 2, 0, 2
    image, means, label = region_means(pixels, labels)
    assert list(zip(image.tolist(), label.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 2)]
    torch.testing.assert_close(means[1], pixels[0, :, :2].mean(dim=(1, 2)))
    torch.testing.assert_close(means[2], pixels[1, :, 0, 0])


def unit(*values: float) -> torch.Tensor:
    return F.normalize(torch.tensor(values, dtype=torch.float32), dim=0)


OWN = torch.tensor([0])


def test_triplet_loss__is_the_gap_to_the_hardest_other_class():
    classes = torch.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)])[None]
    anchor, norm = unit(1, 0.5, 0.2)[None], (1 + 0.25 + 0.04) ** 0.5
    loss = triplet_loss(anchor, classes, OWN, margin=0.7, guard=0.8)
    assert loss.item() == pytest.approx(0.7 + 0.5 / norm - 1 / norm, rel=1e-5)
    assert triplet_loss(anchor, classes, OWN, margin=0.1, guard=0.8).item() == 0


def test_triplet_loss__does_not_push_near_synonyms_apart():
    classes = torch.stack([unit(1, 0, 0), unit(1, 0.1, 0), unit(0, 0, 1)])[None]
    anchor = unit(1, 0, 0)[None]
    assert triplet_loss(anchor, classes, OWN, margin=0.2, guard=0.9).item() == 0
    unguarded = triplet_loss(anchor, classes, OWN, margin=0.2, guard=1.1)
    assert unguarded.item() == pytest.approx(0.2 + 1.01**-0.5 - 1, rel=1e-5)
    only = classes[:, :2]
    assert triplet_loss(anchor, only, OWN, margin=0.2, guard=0.9).item() == 0


def test_generative_loss__is_the_likelihood_of_classes_and_scene():
    presence, scene = torch.randn(2, 3), torch.randn(2, 4)
    labels = torch.full((2, 4, 4), -1)
    labels[0, 0], labels[0, 1], labels[1, 2, 2] = 0, 2, 1
    got = generative_loss(presence, scene, labels, torch.tensor([3, -1]))
    present = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    wanted = F.binary_cross_entropy_with_logits(presence, present)
    wanted = wanted + F.cross_entropy(scene[:1], torch.tensor([3]))
    torch.testing.assert_close(got, wanted)


def test_generative_loss__learns_nothing_from_an_unlabelled_image_or_from_no_scene():
    presence = torch.randn(2, 3, requires_grad=True)
    scene = torch.randn(2, 4, requires_grad=True)
    generative_loss(presence, scene, NOTHING, torch.tensor([0, -1])).backward()
    assert presence.grad is not None
    assert scene.grad is not None
    assert float(presence.grad.abs().sum() + scene.grad.abs().sum()) == 0


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
