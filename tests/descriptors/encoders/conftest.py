"""The one sentence encoder that these tests load."""

import pytest

from langseg.descriptors.encoders.base import TextEncoder
from langseg.descriptors.encoders.load import (
    load_encoder,
)


@pytest.fixture(scope="session")
def minilm() -> TextEncoder:
    return load_encoder("minilm", device="cpu")
