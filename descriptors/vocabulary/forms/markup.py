"""Class lists in markup: Label Studio's labelling config, CVAT's XML, TensorFlow's label map.

In:  the text of an xml or pbtxt file.
Out: its classes.
"""

import re
from xml.etree import ElementTree  # noqa: S405 (no document type passes, so no entity does)

from langseg.descriptors.vocabulary.delimited import whole_number
from langseg.descriptors.vocabulary.raw_list import RawList, RawRow

_ITEM = re.compile(r"\bitem\s*:?\s*\{([^{}]*)\}")
_FIELD = re.compile(r"\b(id|name|display_name)\s*:\s*(?:\"([^\"]*)\"|'([^']*)'|(-?\d+))")
_ENTITY = re.compile(r"&(?!(?:#\d+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos);)")


def read_xml(text: str) -> RawList:
    """Raises: ValueError, for other XML, with what it is where that can be told."""
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.I):
        raise ValueError("XML with a document type of its own, which is not read")
    try:
        root = ElementTree.fromstring(_ENTITY.sub("&amp;", text.strip()))  # noqa: S314
    except ElementTree.ParseError as exc:
        raise ValueError(f"XML that is broken ({exc})") from None
    # several tools of one config share their labels; category is the id in exports
    labels: dict[str | None, str | None] = {}
    for label in root.iter("Label"):
        name = label.get("value")
        labels[name] = labels.get(name) or label.get("category")
    if root.tag == "View" and labels:
        with_ids = any(labels.values())
        rows = tuple(
            RawRow(n, {"name": name} | ({"id": whole_number(category)} if with_ids else {}))
            for n, (name, category) in enumerate(labels.items(), 1)
        )
        return RawList(rows, form="Label Studio labelling config")
    if root.tag == "View":
        raise ValueError("a Label Studio config without a <Label value=...>")
    named = [name.text for labels in root.iter("labels") for name in labels.findall("label/name")]
    if named:
        return RawList(
            tuple(RawRow(n, {"name": name}) for n, name in enumerate(named, 1)),
            form="labels of a CVAT export",
        )
    if root.tag == "annotation":
        raise ValueError(
            "the annotation of one picture (Pascal VOC XML), which names only what is in it; "
            "write all classes, one a line"
        )
    raise ValueError(f"XML <{root.tag[:40]}>, no list of classes; write them one a line")


def read_pbtxt(text: str) -> RawList:
    """TensorFlow's ``item { id: 1 name: 'person' }``. Raises: ValueError, for none of these."""
    items = []
    for item in _ITEM.findall(re.sub(r"(?m)^\s*#.*$", "", text)):
        found = {key: one or other or number for key, one, other, number in _FIELD.findall(item)}
        fields: dict[str, object] = {"name": found.get("display_name") or found.get("name")}
        if "id" in found:
            fields["id"] = int(found["id"]) if found["id"].lstrip("-").isdigit() else found["id"]
        items.append(fields)
    if not items:
        raise ValueError("no item { id: 1 name: 'person' } in it")
    rows = tuple(RawRow(n, fields) for n, fields in enumerate(items, 1))
    return RawList(rows, form="TensorFlow label map")
