"""A world of features: a class is the sum of two of twelve attributes.

In:  nothing; ``OF`` says which attributes a class has, ``SAID`` what words say of each.
Out: pictures of patches, and their regions.
"""

import torch
import torch.nn.functional as F

from langseg.segmenter.comparison.region_means import LabelledPatches, RegionMeans

CLASSES, SIDE, WIDTH = 24, 6, 40
OF = torch.tensor([(one, 6 + other) for one in range(6) for other in range(4)])  # attributes
GENERATOR = torch.Generator().manual_seed(0)
LOOKS = torch.randn(12, WIDTH, generator=GENERATOR)
SAID = torch.randn(12, 16, generator=GENERATOR)


def picture(index: int) -> LabelledPatches:
    """36 patches of three classes, one to a patch."""
    generator = torch.Generator().manual_seed(100 + index)
    held = (index + torch.tensor([0, 7, 15])) % CLASSES
    of = held[torch.randint(0, 3, (SIDE * SIDE,), generator=generator)]
    x = LOOKS[OF[of]].sum(dim=1) + 0.5 * torch.randn(len(of), WIDTH, generator=generator)
    return LabelledPatches(
        torch.cat([x, torch.ones(len(x), 1)], dim=1), 10 * F.one_hot(of, CLASSES)
    )


def regions_of(count: int) -> RegionMeans:
    x, classes, pictures = [], [], []
    for index in range(count):
        one = picture(index)
        of = one.counts.argmax(dim=1)
        for label in of.unique():
            x.append(one.x[of == label].mean(dim=0))
            classes.append(label)
            pictures.append(torch.tensor(index))
    labels = torch.stack(classes)
    return RegionMeans(torch.stack(x), labels, torch.stack(pictures), torch.ones_like(labels))
