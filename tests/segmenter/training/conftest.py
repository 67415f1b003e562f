"""What holds for every test of training."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of floats depend on how they are split
    yield
    torch.set_num_threads(before)
