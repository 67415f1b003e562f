import pytest
import torch

from langseg.segmenter.losses.multiscale import multiscale_loss
from langseg.segmenter.losses.pixel import segmentation_loss
from tests.support.loss_inputs import some_labels, some_output


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
