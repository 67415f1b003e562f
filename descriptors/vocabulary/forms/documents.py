"""Class lists in JSON, YAML or Python's own values: LangSeg's, and those of datasets and tools.

In:  a parsed value.
Out: its classes; or why it holds none, and what would.

A document is looked at by each form's function in turn (``_FORMS``); the first that knows it
answers. Most forms come down to two: a list of objects that have names (``_objects``), or a mapping
between ids and names (``_mapping``).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from textwrap import shorten
from typing import Any

from langseg.descriptors.phrases.characters import shown
from langseg.descriptors.vocabulary.delimited import whole_number
from langseg.descriptors.vocabulary.forms.markup import read_xml
from langseg.descriptors.vocabulary.raw_list import (
    FIELDS,
    RawList,
    RawRow,
    name_fields,
    not_read,
    numbered,
)

OWN_KEYS = ("name", "classes", "ignore_ids", "scenes", "scene_names", "look_alikes", "hypernyms")
_COUNTS = ("nc", "num_classes", "num_labels")  # how many classes a file says it has
_DEFINITION_CHARS = 300
# what an object calls its fields, the surest first
_NAMES = ("name", "title", "readable", "class_name", "label", "class", "category", "display_name")
_IDS = ("id", "class_id", "category_id", "label_id", "index", "value")
_SYNONYMS = ("synonyms", "aliases")
_DEFINITIONS = ("definition", "def", "description")
_COLOUR = re.compile(r"#?[0-9a-fA-F]{6,8}|(rgb)?\(?\s*\d+\s*,\s*\d+\s*,\s*\d+.*")
_OF_ONE_PICTURE = "annotations, which name only what is in their pictures; {}"


def read_document(document: object) -> RawList:
    """Raises: ValueError, saying what it is instead."""
    for form in _FORMS:
        if (found := form(document)) is not None:
            return found
    raise ValueError(
        "neither a list of names nor an object with a list 'classes', nor a form of a dataset or "
        "tool that is known; write the names one a line"
    )


# ---- LangSeg's own


def _own(document: object) -> RawList | None:
    if isinstance(document, list):
        keys = _keys(document)
        foreign = "name" not in keys or bool(set(keys) - set(FIELDS))
        if _all_objects(document) and foreign and not _misspelt(keys, FIELDS):
            return None
        document = {"classes": document}
    if not isinstance(document, dict):
        return None
    for key in ("classes", "names"):
        if isinstance(words := document.get(key), str) and re.search("[,;]", words):
            raise ValueError(
                f"all {key} in one text, {shown(words)}; write a list with a text for each class"
            )
    if not isinstance(document.get("classes"), list):
        return None
    listed = document["classes"]
    keys = _keys(listed)
    of_coco = any(isinstance(document.get(key), list) for key in ("annotations", "images"))
    if of_coco or (_all_objects(listed) and "name" not in keys):
        return None
    unread = [str(key) for key in document if key not in OWN_KEYS + _COUNTS]
    if wrong := _misspelt(unread, OWN_KEYS):
        raise ValueError(f"the unknown key {shown(wrong[0])} (did you mean {wrong[1]!r}?)")
    if len(listed) == 1 and isinstance(listed[0], str) and len(re.split("[,;]", listed[0])) > 2:
        raise ValueError(
            f"all names in one text, {shown(listed[0])}, which would be one class and its "
            "synonyms; write a list with a text for each class"
        )
    more = [key for key in keys if key not in FIELDS]
    if _misspelt(more, FIELDS):
        more = []  # each is told with its row
    rows = []
    for number, item in enumerate(listed, start=1):
        fields = item if isinstance(item, dict) else name_fields(item)
        rows.append(RawRow(number, {k: v for k, v in fields.items() if k not in more}))
    found = RawList(
        rows=tuple(rows),
        name=document.get("name"),
        ignore_ids=document.get("ignore_ids"),
        scenes=document.get("scenes"),
        scene_names=document.get("scene_names"),
        look_alikes=document.get("look_alikes"),
        hypernyms=document.get("hypernyms"),
        told=not_read([*unread, *more]),
    )
    _check_count(document, found)
    return found


def _all_objects(listed: Sequence[object]) -> bool:
    return bool(listed) and all(isinstance(item, dict) for item in listed)


def _keys(listed: Sequence[object]) -> list[str]:
    """Keys of the objects in a list, each once, in their order."""
    objects = (item for item in listed if isinstance(item, dict))
    return list(dict.fromkeys(str(key) for item in objects for key in item))


def _misspelt(keys: Sequence[str], known: Sequence[str]) -> tuple[str, str] | None:
    """A key that is nearly one of ours was meant to be read: it, and ours."""
    for key in keys:
        if key not in known and (
            close := get_close_matches(key.casefold(), known, n=1, cutoff=0.75)
        ):
            return key, close[0]
    return None


# ---- what is no list, though it holds one kind of name or another


def _annotations(document: object) -> RawList | None:
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict):
        return None
    keys = set(first)
    if isinstance(document, list) and keys & {"annotations", "completions", "predictions"}:
        reason = _OF_ONE_PICTURE.format(
            "of Label Studio give the labelling config (Settings, Labeling Interface, Code) as .xml"
        )
    elif {"shapes", "imagePath"} <= keys or {"imgHeight", "objects"} <= keys:
        reason = _OF_ONE_PICTURE.format("write all classes, one a line (labelme: labels.txt)")
    elif keys & {"annotations", "images"} and not keys & {"categories", "classes", "metainfo"}:
        if isinstance(document, list):
            return None
        reason = "annotations without their 'categories'; give the file that has these"
    elif keys >= {"bbox", "category_id"} or keys >= {"segmentation", "category_id"}:
        reason = "COCO results, which have ids and no names; give the annotation file's categories"
    elif first.get("type") in ("FeatureCollection", "Feature") and "properties" not in keys:
        reason = "GeoJSON, a map; write the classes one a line"
    elif keys & {"class_name", "class_id"} and "text" in keys:
        reason = "descriptors, one a row; these are read by: langseg-desc import"
    else:
        return None
    raise ValueError(reason)


def _phrases_by_class(document: object) -> RawList | None:
    if not isinstance(document, dict) or len(document) < 2:
        return None
    values = list(document.values())
    if all(isinstance(v, list) and v and all(isinstance(p, str) for p in v) for v in values) and (
        not all(_id(key) is not None for key in document)
    ):
        raise ValueError(
            "lists of phrases by class, which are descriptors; these are read by: "
            "langseg-desc import"
        )
    return None


# ---- objects that have names: COCO, LVIS, CVAT, Supervisely, Mapillary


def _objects(document: object) -> RawList | None:
    if not isinstance(document, list) or not _all_objects(document):
        return None
    keys = _keys(document)
    every = set.intersection(*({str(key) for key in item} for item in document))
    name = _first(_NAMES, every)
    if "readable" in every:  # Mapillary's names are paths: construction--flat--road
        name = "readable"
    if name is None:
        return None
    number = _first(_IDS, keys)
    if number is None and "trainId" in keys:
        number = "trainId"
    synonyms, definition = _first(_SYNONYMS, keys), _first(_DEFINITIONS, keys)
    read = {name, number, synonyms, definition, "trainId", "evaluate", "ignoreInEval"}
    unread = [key for key in keys if key not in read]
    told = ("ids are its trainIds",) if "trainId" in every else ()
    missing = [field for field in FIELDS if field not in keys]
    if wrong := _misspelt([key for key in unread if key not in _NAMES], missing):
        raise ValueError(f"the unknown key {shown(wrong[0])} (did you mean {wrong[1]!r}?)")
    if "trainId" in every:
        number = "trainId"  # as the Cityscapes vocabulary that ships
    rows = []
    for place, item in enumerate(document, start=1):
        others = item.get(synonyms) if synonyms else None
        fields = {"name": item[name]} if others else name_fields(item[name])
        if others:
            fields["synonyms"] = others
        if number is not None and number in item:
            fields["id"] = whole_number(item[number])
        elif "readable" in every:
            fields["id"] = place - 1
        if definition and isinstance(item.get(definition), str):
            fields["definition"] = shorten(item[definition], _DEFINITION_CHARS, placeholder=" …")
        void = item.get("evaluate") is False or item.get("ignoreInEval") is True
        rows.append(RawRow(place, fields, void))
    told = (*told, *not_read(unread))
    placeholder = _roboflow_placeholder(document)
    if placeholder:
        rows = rows[1:]
        told = (f"left out: {placeholder} (what the whole set is called)", *told)
    return RawList(tuple(rows), form=_form_of(keys), told=told)


def _form_of(keys: Sequence[str]) -> str:
    """Whose objects have these keys."""
    for marks, form in (
        ({"synset", "frequency"}, "LVIS categories"),
        ({"isthing"}, "COCO panoptic categories"),
        ({"supercategory"}, "COCO categories"),
        ({"readable"}, "Mapillary Vistas labels"),
        ({"trainId"}, "Cityscapes labels"),
        ({"attributes"}, "CVAT labels"),
        ({"title"}, "Supervisely classes"),
    ):
        if marks & set(keys):
            return form
    return "objects with names"


def _roboflow_placeholder(document: Sequence[Mapping[str, Any]]) -> str:
    """Roboflow's COCO export has the set's own name as category 0, above all others; else ""."""
    first, *others = document
    is_one = (
        bool(others)
        and first.get("supercategory") == "none"
        and first.get("id") == 0
        and all(item.get("supercategory") == first.get("name") for item in others)
    )
    name = first.get("name")
    return name if is_one and isinstance(name, str) else ""


def _first(known: Sequence[str], keys: Collection[str]) -> str | None:
    return next((key for key in known if key in keys), None)


# ---- mappings: id2label, label2id, names and colours


def _mapping(document: object) -> RawList | None:
    if not isinstance(document, dict) or not document:
        return None
    items = list(document.items())
    ids = [_id(key) for key, _ in items]
    values = [value for _, value in items]
    if all(number is not None for number in ids):
        return _by_id([(n, value) for n, value in zip(ids, values, strict=True) if n is not None])
    if not all(isinstance(key, str) for key in document):
        return None
    if all(_id(value) is not None for value in values):
        rows = [
            RawRow(n, {**name_fields(key), "id": _id(value)})
            for n, (key, value) in enumerate(items, 1)
        ]
        numbers = [number for value in values if (number := _id(value)) is not None]
        if len(set(numbers)) < len(numbers) or min(numbers) > 1:
            raise ValueError(
                "a number for each name, which are the same for several or do not begin at 0 or 1: "
                "counts, or settings, no ids; write the names one a line"
            )
        return RawList(tuple(rows), form="names with ids")
    if all(_is_colour(value) for value in values):
        rows = [RawRow(n, name_fields(key)) for n, key in enumerate(document, 1)]
        return RawList(tuple(rows), form="names with colours", told=not_read(["colours"]))
    if all(isinstance(value, dict) and set(value) & {"id", "color", "colour"} for value in values):
        return _objects([{"name": key, **value} for key, value in items])
    return None


def _by_id(pairs: Sequence[tuple[int, Any]]) -> RawList | None:
    if all(isinstance(value, str) for _, value in pairs):
        if all(_is_colour(value) for _, value in pairs):
            raise ValueError("colours by id, without names")
        rows = [RawRow(n, {**name_fields(v), "id": i}) for n, (i, v) in enumerate(pairs, 1)]
        return RawList(tuple(rows), form="ids with names")
    if all(_wordnet_pair(value) for _, value in pairs):
        rows = [RawRow(n, {**name_fields(v[1]), "id": i}) for n, (i, v) in enumerate(pairs, 1)]
        return RawList(tuple(rows), form="ImageNet class index")
    if all(isinstance(value, dict) for _, value in pairs):
        return _objects([{"id": number, **value} for number, value in pairs])
    if any(isinstance(value, str) for _, value in pairs):  # YAML's no, null, 12: told by their row
        rows = [RawRow(n, {**name_fields(v), "id": i}) for n, (i, v) in enumerate(pairs, 1)]
        return RawList(tuple(rows), form="ids with names")
    return None


def _wordnet_pair(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(part, str) for part in value) and bool(re.fullmatch(r"n\d+", value[0]))


def _is_colour(value: object) -> bool:
    if isinstance(value, str):
        return bool(_COLOUR.fullmatch(value.strip()))
    return (
        isinstance(value, list | tuple)
        and len(value) in (3, 4)
        and all(isinstance(part, int | float) for part in value)
    )


def _id(value: object) -> int | None:
    number = whole_number(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


# ---- lists and mappings under a key of a larger document


def _label_config(document: object) -> RawList | None:
    if isinstance(document, dict) and isinstance(document.get("label_config"), str):
        return read_xml(document["label_config"])
    return None


def _detectron(document: object) -> RawList | None:
    """``stuff_classes`` of a semantic set hold all; of a panoptic one, things stand apart."""
    if not isinstance(document, dict):
        return None
    things, stuff = document.get("thing_classes"), document.get("stuff_classes")
    found = [names for names in (things, stuff) if isinstance(names, list) and names]
    if not found:
        return None
    names = found[-1] if len(found) == 1 or set(found[0]) <= set(found[-1]) else sum(found, [])
    return RawList(numbered(names), form="detectron2 metadata")


def _class_label(document: object) -> RawList | None:
    """The only ``ClassLabel`` among the features of a Hugging Face dataset, as its
    dataset_infos.json and the YAML of its card have it."""
    found = list(_class_labels(document))
    if len(found) != 1:
        return None
    inner = found[0]
    raw = _mapping(inner) if isinstance(inner, dict) else _by_id(list(enumerate(inner)))
    return raw and replace(raw, form="ClassLabel of a Hugging Face dataset")


def _class_labels(value: object, depth: int = 8) -> Iterator[dict[str, Any] | list[Any]]:
    if depth == 0 or not isinstance(value, dict | list):
        return
    if isinstance(value, dict):
        label = value if value.get("_type") == "ClassLabel" else value.get("class_label")
        names = label.get("names") if isinstance(label, dict) else None
        if isinstance(names, dict | list) and names:
            yield names
            return
    for inner in value.values() if isinstance(value, dict) else value[:100]:
        yield from _class_labels(inner, depth - 1)


def _wrapped(document: object) -> RawList | None:
    if not isinstance(document, dict):
        return None
    for key, form in _WRAPPED:
        inner = document.get(key)
        if not inner or not isinstance(inner, list | tuple | dict):
            continue
        if isinstance(inner, dict):
            found = _mapping(inner) or _wrapped(inner)
        elif all(isinstance(item, dict) for item in inner):
            found = _objects(list(inner))
        else:
            found = RawList(numbered(inner))
        if found is not None:
            _check_count(document, found)
            return replace(found, form=form if found.form in _ANY_FORM else found.form)
    return None


def _check_count(document: Mapping[str, object], found: RawList) -> None:
    """A file that says how many classes it has, and lists another number, is not finished."""
    for key in _COUNTS:
        count = whole_number(document.get(key))
        if isinstance(count, int) and count != len(found.rows):
            raise ValueError(f"{key}: {count} beside {len(found.rows)} names; mend one of the two")


def _pairs(document: object) -> RawList | None:
    """``[[0, "wall"], [1, "sky"]]``, or the name first."""
    if not isinstance(document, list) or not all(
        isinstance(item, list | tuple) and len(item) == 2 for item in document
    ):
        return None
    for number, name in ((0, 1), (1, 0)):
        ids = [_id(item[number]) for item in document]
        if document and None not in ids and all(isinstance(item[name], str) for item in document):
            return _by_id([(_id(item[number]) or 0, item[name]) for item in document])
    return None


def _sequence(document: object) -> RawList | None:
    """A tuple of Python's."""
    if isinstance(document, tuple | frozenset | set):
        return read_document(list(document))
    return None


# where a list or mapping stands in a larger document, the surest first, and whose that is
_WRAPPED = (
    ("id2label", "id2label of a transformers config"),
    ("categories", "categories"),
    ("names", "YOLO data.yaml"),
    ("labels", "labels"),
    ("class_names", "class names"),
    ("label_names", "label names"),
    ("mask_targets", "FiftyOne mask targets"),
    ("default_classes", "FiftyOne classes"),
    ("category_names", "category names"),
    ("idx_to_class", "classes by index"),
    ("class_to_idx", "classes with indices"),
    ("label_map", "label map"),
    ("CLASSES", "mmseg classes"),
    ("classes", "classes"),
    ("metainfo", "mmseg metainfo"),
    ("METAINFO", "mmseg metainfo"),
    ("label2id", "label2id of a transformers config"),
)
_ANY_FORM = ("", "objects with names", "ids with names", "names with ids", "classes")
_FORMS: tuple[Callable[[object], RawList | None], ...] = (
    _annotations,
    _pairs,
    _own,
    _label_config,
    _detectron,
    _class_label,
    _objects,
    _wrapped,
    _phrases_by_class,
    _mapping,
    _sequence,
)
