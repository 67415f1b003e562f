import torch
import torch.nn.functional as F

from langseg.segmenter.comparison.clusters import clustered, k_means
from langseg.segmenter.comparison.region_means import LabelledPatches

LOOKS = 5 * torch.randn(3, 20, generator=torch.Generator().manual_seed(1))
OF = torch.tensor([0, 1, 2, 1, 0, 2, 2, 1] * 4)


def read(patches: LabelledPatches, clusters: int, whole: float = 0.0) -> LabelledPatches:
    return clustered(patches, clusters, whole)


def patches() -> LabelledPatches:
    x = LOOKS[OF] + torch.randn(len(OF), 20, generator=torch.Generator().manual_seed(2))
    return LabelledPatches(torch.cat([x, torch.ones(len(x), 1)], dim=1), F.one_hot(OF, 3))


def test_clustered__patches_that_look_alike_read_the_mean_of_their_cluster():
    one = patches()
    found = read(one, 8)
    rows, of = found.x.unique(dim=0, return_inverse=True)
    assert 3 <= len(rows) <= 8
    for cluster, row in enumerate(rows):
        assert len(OF[of == cluster].unique()) == 1
        torch.testing.assert_close(row, one.x[of == cluster].mean(dim=0))
    assert torch.equal(found.counts, one.counts)


def test_clustered__is_the_same_each_time_and_hears_no_label():
    one = patches()
    blind = LabelledPatches(one.x, one.counts.flip(0))
    assert torch.equal(read(one, 4).x, read(blind, 4).x)


def test_clustered__of_one_is_the_mean_of_the_picture_and_of_many_each_alone():
    one = patches()
    torch.testing.assert_close(read(one, 1).x, one.x.mean(dim=0).expand_as(one.x))
    torch.testing.assert_close(read(one, 100).x, one.x)


def test_clustered__a_share_of_the_picture_is_in_every_patch():
    one = patches()
    wanted = 0.7 * read(one, 4).x + 0.3 * one.x.mean(dim=0)
    torch.testing.assert_close(read(one, 4, 0.3).x, wanted)


def test_clustered__of_none_leaves_them_as_they_are():
    one = patches()
    assert read(one, 0) is one


def test_k_means__centres_are_unit_and_no_more_than_rows():
    rows = F.normalize(torch.randn(30, 20, generator=torch.Generator().manual_seed(2)), dim=1)
    assert len(k_means(rows[:2], 5, 0)) == 2
    torch.testing.assert_close(k_means(rows, 3, 0).norm(dim=1), torch.ones(3))
