"""The folders and the label values of Cityscapes (19 classes).

    leftImg8bit/{train,val}/<city>/*_leftImg8bit.png
    gtFine/{train,val}/<city>/*_gtFine_labelTrainIds.png or *_gtFine_labelIds.png

The vocabulary has the trainIds, 0..18, 255 not scored; TRAIN_IDS makes them of labelIds, which the
download has. It names no scenes.
"""

from langseg.segmenter.data.encodings import IndexValues
from langseg.segmenter.data.layouts.base import Layout, Place

_SCORED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
TRAIN_IDS = IndexValues(
    tuple((value, _SCORED.index(value) if value in _SCORED else 255) for value in range(34))
    + ((255, 255),)  # licence plates are -1 in its list
)


def _places(split: str) -> list[Place]:
    kinds = (("labelTrainIds", IndexValues()), ("labelIds", TRAIN_IDS))
    return [
        Place(
            images=f"{images}/{split}",
            labels=f"{labels}/{split}",
            picture_end="_leftImg8bit",
            label_end=f"_gtFine_{kind}",
            nested=True,
            encoding=encoding,
        )
        for images in ("leftImg8bit", "leftImg8bit_trainvaltest/leftImg8bit")
        for labels in ("gtFine", "gtFine_trainvaltest/gtFine")
        for kind, encoding in kinds
    ]


CITYSCAPES = Layout(name="cityscapes", places={"train": _places("train"), "val": _places("val")})
