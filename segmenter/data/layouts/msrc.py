"""The folders and the label values of MSRC v2 (23 classes), in ADE20K's folder layout.

    images/{training,validation}/*.jpg  annotations/{training,validation}/*.png

Label values are 1..23; 0 is its void (``descriptors/vocabulary/msrc.yaml``). It names no scenes.
"""

from langseg.segmenter.data.layouts.ade20k import TRAIN, VAL
from langseg.segmenter.data.layouts.base import Layout

MSRC = Layout(name="msrc", places={"train": [TRAIN], "val": [VAL]})
