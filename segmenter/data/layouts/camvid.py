"""The folders and the label values of CamVid (the 11 classes of the SegNet split).

    {train,val}/*  {train,val}annot/*.png

Label values are class indices as they stand, 0..10; 11 is the dataset's "unlabelled"
(``descriptors/vocabulary/camvid.yaml``). It names no scenes.
"""

from langseg.segmenter.data.layouts.base import Layout, Place

CAMVID = Layout(
    name="camvid",
    places={
        "train": [Place(images="train", labels="trainannot")],
        "val": [Place(images="val", labels="valannot")],
    },
)
