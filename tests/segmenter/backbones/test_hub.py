"""Published weights, from a server with the hub's layout."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import timm
from safetensors.torch import save

from langseg.segmenter.backbones.load import load_backbone
from tests.support.hub_server import COMMIT, hub_server
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow

WHOLE = "vit_tiny_patch16_224"
STATES = {
    "vit_small_patch16_dinov3.lvd1689m": "gated",
    "deit_tiny_patch16_224.fb_in1k": "forbidden",
    "vit_tiny_patch16_384.augreg_in21k_ft_in1k": "pickle only",
    "deit_small_patch16_224.fb_in1k": "cut",
    "vit_tiny_patch16_224.augreg_in21k": "damaged",
    "deit3_small_patch16_224.fb_in1k": "no such revision",
}


@pytest.fixture(scope="module")
def loads(tmp_path_factory):
    """What came of each model, and what the server was asked."""
    weights = save({key: v.half() for key, v in timm.create_model(WHOLE).state_dict().items()})
    models = (WHOLE, *STATES, f"{WHOLE}@{COMMIT}", "offline", "vit_small_patch16_224")
    with hub_server(weights, STATES) as hub:
        environment = os.environ | {
            "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path_factory.mktemp("hub")),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-m", "tests.support.hub_client", *models],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return SimpleNamespace(found=json.loads(done.stdout), asked=hub.asked)


def test_hub__weights_are_those_published_and_their_commit_is_recorded(loads):
    found = loads.found[WHOLE]
    assert found["source"] | {"taps": None} == {
        "name": WHOLE, "weights": None, "pretrained": True, "revision": COMMIT, "taps": None,
    }  # fmt: skip
    assert found["id"].startswith(f"{WHOLE} sha256:")
    assert found["id"] != load_backbone(WHOLE).backbone_id
    assert not any("pytorch_model.bin" in path for path in loads.asked)


def test_hub__a_commit_that_is_in_the_cache_needs_no_hub(loads):
    assert loads.found[f"{WHOLE}@{COMMIT}"] == loads.found[WHOLE]
    assert not any(f"/resolve/{COMMIT}/" in path for path in loads.asked)


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        ("vit_small_patch16_dinov3.lvd1689m", "UpstreamError",
         r"\(401\): accept the licence at https://huggingface.co/timm/vit_small.*HF_TOKEN"),
        ("deit_tiny_patch16_224.fb_in1k", "UpstreamError", r"\(403\): accept the licence"),
        ("vit_tiny_patch16_384.augreg_in21k_ft_in1k", "UpstreamError",
         "no such file, and a pickle is never loaded"),
        ("deit_small_patch16_224.fb_in1k", "UpstreamError", "cut 3 times.*run it again"),
        ("vit_tiny_patch16_224.augreg_in21k", "CorruptError",
         r"wanted a safetensors file, got .*remove .*/blobs/\w+ and run it again"),
        ("deit3_small_patch16_224.fb_in1k", "UpstreamError", "there is no such revision"),
        ("vit_small_patch16_224", "UpstreamError", "HF_HUB_OFFLINE forbids asking"),
    ],
)  # fmt: skip
def test_hub__what_it_does_not_deliver_is_one_sentence(loads, model, error, said):
    found = loads.found[model]
    assert found["error"] == error
    assert re.search(said, found["said"])
    assert "\n" not in found["said"]
