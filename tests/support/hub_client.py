"""Load published backbones as a program of its own: the hub's library reads HF_ENDPOINT once.

In:  backbones' names, each maybe with ``@revision``; ``offline`` before those that are loaded as
     if HF_HUB_OFFLINE were set.
Out: one JSON object: by argument the id, source and hash, or the error's kind and words.
"""

import json
import sys
from dataclasses import asdict

import huggingface_hub.constants

from langseg.cache.errors import LangSegError
from langseg.segmenter.backbones.load import load_backbone

found: dict[str, object] = {}
for argument in sys.argv[1:]:
    if argument == "offline":
        huggingface_hub.constants.HF_HUB_OFFLINE = True
        continue
    name, _, revision = argument.partition("@")
    try:
        backbone = load_backbone(name, pretrained=True, revision=revision or None)
        found[argument] = {"id": backbone.backbone_id, "source": asdict(backbone.source)}
    except LangSegError as exc:
        found[argument] = {"error": type(exc).__name__, "said": str(exc)}
print(json.dumps(found))
