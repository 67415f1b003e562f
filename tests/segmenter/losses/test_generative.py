import torch
import torch.nn.functional as F

from langseg.segmenter.losses.generative import generative_loss
from tests.support.loss_inputs import NOTHING


def test_generative_loss__is_the_likelihood_of_classes_and_scene():
    presence, scene = torch.randn(2, 3), torch.randn(2, 4)
    labels = torch.full((2, 4, 4), -1)
    labels[0, 0], labels[0, 1], labels[1, 2, 2] = 0, 2, 1
    got = generative_loss(presence, scene, labels, torch.tensor([3, -1]))
    present = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    wanted = F.binary_cross_entropy_with_logits(presence, present)
    wanted = wanted + F.cross_entropy(scene[:1], torch.tensor([3])) / 2
    torch.testing.assert_close(got, wanted)


def test_generative_loss__learns_nothing_from_an_unlabelled_image_or_from_no_scene():
    presence = torch.randn(2, 3, requires_grad=True)
    scene = torch.randn(2, 4, requires_grad=True)
    generative_loss(presence, scene, NOTHING, torch.tensor([0, -1])).backward()
    assert presence.grad is not None
    assert scene.grad is not None
    assert float(presence.grad.abs().sum() + scene.grad.abs().sum()) == 0
