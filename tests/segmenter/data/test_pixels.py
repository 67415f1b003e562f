import numpy as np
import torch

from langseg.segmenter.data.pixels import unit_floats


def test_unit_floats__are_the_bytes_over_255_with_channels_before_rows():
    picture = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    got = unit_floats(picture)
    assert (got.shape, got.dtype) == ((2, 3, 5, 7), torch.float32)
    assert torch.equal(got, torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 255)
    assert torch.equal(unit_floats(torch.from_numpy(picture[0])), got[0])
