"""An encoder's id is its record's, and safe as a folder's name."""

import pytest


@pytest.mark.slow
def test_encoder_id__is_a_safe_folder_name_and_follows_the_weights(minilm):
    encoder_id = minilm.record.encoder_id
    assert encoder_id.startswith("all-minilm-l6-v2-")
    assert encoder_id.replace("-", "").isalnum()
