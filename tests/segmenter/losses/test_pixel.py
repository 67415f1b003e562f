import pytest
import torch
import torch.nn.functional as F

from langseg.segmenter.losses import pixel
from langseg.segmenter.losses.pixel import sample_labels, segmentation_loss, spread_points
from langseg.segmenter.losses.weights import Resolution
from tests.support.loss_inputs import NOTHING, some_labels, some_output

RESOLUTIONS: tuple[Resolution, ...] = ("sampled", "label", "quarter")


def test_sample_labels__reads_the_centre_of_each_cell():
    labels = torch.arange(64).view(1, 8, 8)
    assert sample_labels(labels, (2, 2)).tolist() == [[[18, 22], [50, 54]]]
    assert torch.equal(sample_labels(labels, (8, 8)), labels)


def test_segmentation_loss__is_cross_entropy_over_the_labelled_pixels_of_each_picture():
    logits, labels = some_output().logits, some_labels()
    full = F.interpolate(logits, (16, 16), mode="bilinear")
    each = [F.cross_entropy(full[i : i + 1], labels[i : i + 1], ignore_index=-1) for i in (0, 1)]
    torch.testing.assert_close(segmentation_loss(logits, labels, "label"), sum(each) / 2)


def test_segmentation_loss__at_a_quarter_reads_the_label_at_each_cells_centre():
    logits, labels = some_output().logits, some_labels()
    each = [
        F.cross_entropy(logits[i : i + 1], labels[i : i + 1, 2::4, 2::4], ignore_index=-1)
        for i in (0, 1)
    ]
    torch.testing.assert_close(segmentation_loss(logits, labels, "quarter"), sum(each) / 2)


@pytest.mark.parametrize("size", [(120, 90), (65, 200)])
def test_segmentation_loss__sampled_is_exactly_upsampled_then_selected(size):
    logits, labels = torch.randn(2, 5, 17, 23), torch.randint(-1, 5, (2, *size))
    rows, columns = spread_points(size, labels.device)
    full = F.interpolate(logits, size, mode="bilinear")[:, :, rows, columns]
    each = [F.cross_entropy(full[i].mT, labels[i, rows, columns], ignore_index=-1) for i in (0, 1)]
    torch.testing.assert_close(segmentation_loss(logits, labels), sum(each) / 2)


def test_segmentation_loss__sees_what_is_thinner_than_a_cell():
    """A pole one pixel wide between the centres of the cells."""
    labels = torch.zeros(1, 128, 128).long()
    labels[:, :, 64] = 1
    blind = torch.stack([torch.full((1, 32, 32), 9.0), torch.full((1, 32, 32), -9.0)], dim=1)
    losses = {at: segmentation_loss(blind, labels, at).item() for at in RESOLUTIONS}
    assert losses["quarter"] < 0.001
    assert losses["label"] == pytest.approx(18 / 128, rel=0.01)
    assert losses["sampled"] == pytest.approx(18 / 128, rel=0.05)


def test_spread_points__fall_evenly_and_always_the_same():
    rows, columns = spread_points((64, 96), torch.device("cpu"))
    assert len(rows) == pixel.POINTS
    counts = torch.bincount((rows // 16) * 6 + columns // 16, minlength=24)
    assert (counts - pixel.POINTS / 24).abs().max() <= 6
    assert torch.equal(rows, spread_points((64, 96), torch.device("cpu"))[0])


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_segmentation_loss__of_nothing_is_zero_with_a_graph(resolution):
    logits = some_output(requires_grad=True).logits
    loss = segmentation_loss(logits, NOTHING.repeat(1, 8, 8), resolution)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert float(logits.grad.abs().sum()) == 0


def test_segmentation_loss__balanced_weighs_the_classes_of_a_picture_alike_however_small():
    logits, labels = torch.randn(1, 3, 8, 8), torch.zeros(1, 8, 8).long()
    labels[0, 0, :4], labels[0, 7] = 1, -1
    each = F.cross_entropy(logits, labels, ignore_index=-1, reduction="none")
    wanted = (each[labels == 0].mean() + each[labels == 1].mean()) / 2
    torch.testing.assert_close(segmentation_loss(logits, labels, "label", 1.0), wanted)
    plain = each.sum() / (labels != -1).sum()
    torch.testing.assert_close(segmentation_loss(logits, labels, "label"), plain)
