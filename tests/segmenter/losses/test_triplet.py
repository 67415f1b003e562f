from functools import partial

import pytest
import torch
import torch.nn.functional as F

from langseg.segmenter.losses.triplet import region_means, triplet_loss


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
loss_of_one = partial(triplet_loss, image=torch.tensor([0]), pictures=1)


def test_triplet_loss__is_the_gap_to_the_hardest_other_class():
    classes = torch.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)])[None]
    anchor, norm = unit(1, 0.5, 0.2)[None], (1 + 0.25 + 0.04) ** 0.5
    loss = loss_of_one(anchor, classes, OWN, margin=0.7, guard=0.8)
    assert loss.item() == pytest.approx(0.7 + 0.5 / norm - 1 / norm, rel=1e-5)
    assert loss_of_one(anchor, classes, OWN, margin=0.1, guard=0.8).item() == 0


def test_triplet_loss__does_not_push_near_synonyms_apart():
    classes = torch.stack([unit(1, 0, 0), unit(1, 0.1, 0), unit(0, 0, 1)])[None]
    anchor = unit(1, 0, 0)[None]
    assert loss_of_one(anchor, classes, OWN, margin=0.2, guard=0.9).item() == 0
    unguarded = loss_of_one(anchor, classes, OWN, margin=0.2, guard=1.1)
    assert unguarded.item() == pytest.approx(0.2 + 1.01**-0.5 - 1, rel=1e-5)
    only = classes[:, :2]
    assert loss_of_one(anchor, only, OWN, margin=0.2, guard=0.9).item() == 0


def test_triplet_loss__weighs_each_picture_the_same_and_one_without_anchor_as_nothing():
    classes = torch.stack([unit(1, 0, 0), unit(0, 1, 0)])[None]
    anchor = unit(0, 1, 0)[None]  # 1.2 to lose with a margin of 0.2
    right = unit(1, 0, 0)[None]
    loss = triplet_loss(
        torch.cat([anchor, right, right, anchor]), classes.expand(4, 2, 3), torch.zeros(4).long(),
        torch.tensor([0, 0, 0, 2]), pictures=3, margin=0.2, guard=0.8,
    )  # fmt: skip
    assert loss.item() == pytest.approx((1.2 / 3 + 1.2) / 3)
