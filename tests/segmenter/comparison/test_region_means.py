import numpy as np
import torch

from langseg.segmenter.comparison.region_means import labelled_patches, region_means
from langseg.segmenter.data.sample import read_labels, unheard
from langseg.segmenter.features.kept import features_of
from langseg.segmenter.features.views import view_labels
from langseg.segmenter.heads.ridge import patches
from tests.support.kept_features import RULE, kept_features
from tests.support.tiny_segmenter import tiny_samples, write_dataset


def test_region_means__are_the_means_over_a_class_s_pixels(tmp_path):
    write_dataset(tmp_path)
    samples = tiny_samples(tmp_path)
    kept = kept_features(samples, views=1)
    found = region_means(kept, samples, RULE, unheard)
    first = found.pictures == 0
    x = patches(features_of([kept.maps(0, 0)], kept.patch))[0]
    labels = view_labels(read_labels(samples[0], RULE), kept.view(0, 0))
    h, w = (side // kept.patch for side in labels.shape)
    of_patch = np.arange(h * w).reshape(h, w).repeat(kept.patch, 0).repeat(kept.patch, 1)
    for row in first.nonzero()[:, 0]:
        inside = labels == int(found.classes[row])
        assert int(found.pixels[row]) == inside.sum()
        wanted = x[torch.from_numpy(of_patch[inside])].mean(dim=0)
        torch.testing.assert_close(found.x[row], wanted, rtol=1e-4, atol=1e-4)


def test_labelled_patches__hold_every_labelled_pixel_once(tmp_path):
    write_dataset(tmp_path)
    samples = tiny_samples(tmp_path)
    kept = kept_features(samples, views=1)
    one = labelled_patches(kept, samples, RULE, 1)
    labels = view_labels(read_labels(samples[1], RULE), kept.view(1, 0))
    wanted = np.bincount(labels[labels >= 0], minlength=RULE.num_classes)
    assert one.counts.sum(dim=0).tolist() == wanted.tolist()
    assert len(one.x) == len(one.counts)
