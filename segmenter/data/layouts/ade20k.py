"""The folders, the scenes and the label values of ADE20K (the 150 classes of SceneParsing).

    images/{training,validation}/*.jpg  annotations/{training,validation}/*.png
    sceneCategories.txt                 "<stem> <scene>" a line, underscores in scene names

The flat images/ + annotations/ of the development kit counts as "val".

Its labels are shifted by one: 0 is "not labelled" and classes 0..149 are the values 1..150.
No code subtracts the 1. The vocabulary lists ids 1..150 and the ignore ids 0 and 255
(``descriptors/vocabulary/ade20k.yaml``), a TextBank carries them along, and the one table of
``data.labels.LabelRule`` turns values into class indices.
"""

from langseg.segmenter.data.layouts.base import Layout, Place
from langseg.segmenter.data.layouts.scenes import read_scenes

TRAIN = Place(images="images/training", labels="annotations/training")
VAL = Place(images="images/validation", labels="annotations/validation")

ADE20K = Layout(
    name="ade20k",
    places={"train": [TRAIN], "val": [VAL, Place(images="images", labels="annotations")]},
    read_scenes=read_scenes,
)
