"""The folders of Pascal VOC 2012 and of Pascal Context (VOC 2010).

    JPEGImages/*.jpg
    VOC:         SegmentationClass/*.png         ImageSets/Segmentation/{train,val}.txt
    Context 59:  SegmentationClassContext/*.png  ImageSets/SegmentationContext/{train,val}.txt
    Context 459: annotations_detectron2/pc459_{train,val}/*.tif, as CAT-Seg exports it

VOC's values are 0 background, 1..20, 255 the border: pascal-voc-21 has the background as a class,
pascal-voc ignores it, which their vocabularies say. Context's 60-value PNGs have 0 for background,
which its 59 classes ignore. None names scenes.
"""

from langseg.segmenter.data.layouts.base import SPLITS, Layout, Place


def _listed(name: str, labels: str, lists: str) -> Layout:
    return Layout(
        name=name,
        places={
            split: [
                Place(images="JPEGImages", labels=labels, listed=f"ImageSets/{lists}/{split}.txt")
            ]
            for split in SPLITS
        },
    )


PASCAL_VOC = _listed("pascal-voc", "SegmentationClass", "Segmentation")
PASCAL_VOC_21 = _listed("pascal-voc-21", "SegmentationClass", "Segmentation")
PASCAL_CONTEXT = _listed("pascal-context", "SegmentationClassContext", "SegmentationContext")
PASCAL_CONTEXT_459 = Layout(
    name="pascal-context-459",
    places={
        split: [
            Place(
                images="JPEGImages",
                labels=f"annotations_detectron2/pc459_{split}",
                by_labels=True,
            )
        ]
        for split in SPLITS
    },
)
