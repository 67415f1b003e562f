"""The folders and the label values of COCO-Stuff 164k.

    {train,val}2017/*.jpg  stuffthingmaps/{train,val}2017/*.png

The zip files of both, as they are downloaded, will do (``train2017.zip``,
``stuffthingmaps_trainval2017.zip``). Values are the stuffthingmaps' own, 0..181, of which the 171
in TABLE have pixels, and 255 is not labelled: ids of ``labels.txt`` are one above
(nightrome/cocostuff#17). The vocabulary has these values (``descriptors/vocabulary``).
"""

from langseg.segmenter.data.encodings import IndexValues
from langseg.segmenter.data.layouts.base import Layout, Place

_NEVER = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)  # street sign, hat, shoe, eye glasses, ...
TABLE = tuple((value, value) for value in (*range(182), 255) if value not in _NEVER)
ENCODING = IndexValues(TABLE)


def _places(split: str) -> list[Place]:
    return [
        Place(images=images, labels=labels, encoding=ENCODING)
        for images in (split, f"images/{split}")
        for labels in (
            f"stuffthingmaps/{split}", f"stuffthingmaps_trainval2017/{split}",
            f"annotations/{split}",
        )
    ]  # fmt: skip


COCO_STUFF = Layout(
    name="coco-stuff", places={"train": _places("train2017"), "val": _places("val2017")}
)
