import torch
import torch.nn.functional as F

from langseg.segmenter.losses.pixel import sample_labels, segmentation_loss
from tests.support.loss_inputs import some_labels, some_output


def test_sample_labels__reads_the_centre_of_each_cell():
    labels = torch.arange(64).view(1, 8, 8)
    assert sample_labels(labels, (2, 2)).tolist() == [[[18, 22], [50, 54]]]
    assert torch.equal(sample_labels(labels, (8, 8)), labels)


def test_segmentation_loss__is_cross_entropy_over_labelled_cells():
    logits, labels = some_output().logits, some_labels()
    wanted = F.cross_entropy(logits, labels[:, 2::4, 2::4], ignore_index=-1)
    torch.testing.assert_close(segmentation_loss(logits, labels), wanted)
