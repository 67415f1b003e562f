import torch

from langseg.segmenter.heads.config import KINDS
from langseg.segmenter.heads.registry import HEADS
from tests.support.tiny_segmenter import built_head


def test_build_head__the_same_seed_gives_the_same_weights():
    torch.manual_seed(5)
    first = built_head().state_dict()
    second = built_head().state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_heads__are_those_that_a_config_may_name():
    assert tuple(HEADS) == KINDS
