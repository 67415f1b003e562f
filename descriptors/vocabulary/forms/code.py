"""Class lists in Python: mmseg's METAINFO, Cityscapes' labels.py, detectron2's categories.

In:  the text of a Python file, which is read and never run.
Out: the classes of the one list or tuple of names in it.
"""

import ast
from warnings import catch_warnings

from langseg.descriptors.vocabulary.forms.documents import read_document
from langseg.descriptors.vocabulary.raw_list import RawList

_ENDINGS = ("classes", "class_names", "names", "labels", "categories", "id2label", "class_list")
_LABEL = (
    "name",
    "id",
    "trainId",
    "category",
    "categoryId",
    "hasInstances",
    "ignoreInEval",
    "color",
)
_MAX_CHARS = 2**20


def read_python(text: str) -> RawList:
    """Raises: ValueError, for a file with no such list, or with several that differ."""
    if len(text) > _MAX_CHARS:
        raise ValueError("more than 1 MiB of Python; write the names one a line")
    try:
        with catch_warnings(action="ignore"):  # of the file's own style, such as "\\d"
            tree = ast.parse(text)
    except (SyntaxError, MemoryError) as exc:
        raise ValueError(f"Python that cannot be read ({exc})") from None
    found: dict[tuple[str, ...], tuple[str, RawList]] = {}
    for target, node in _candidates(tree):
        try:
            raw = read_document(_value(node, _label_fields(tree)))
        except ValueError:
            continue
        names = tuple(row.plain_name for row in raw.rows)
        found.setdefault(names, (f"{target} (line {node.lineno})", raw))
    if not found:
        raise ValueError("Python without a literal list of class names; write the names one a line")
    if len(found) > 1:
        several = ", ".join(where for where, _ in found.values())
        raise ValueError(f"several lists of names: {several}; copy the one meant into a file")
    ((where, raw),) = found.values()
    form = raw.form if raw.form == "Cityscapes labels" else f"Python, {where}"
    return RawList(raw.rows, form=form, told=raw.told)


def _candidates(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """What is assigned to, or passed as, something that is called like a list of classes."""
    pairs: list[tuple[str, ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Attribute):
            target = node.targets[0]
            pairs.append((target.id if isinstance(target, ast.Name) else target.attr, node.value))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            pairs.append((node.target.id, node.value))
        elif isinstance(node, ast.keyword) and node.arg:
            pairs.append((node.arg, node.value))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    pairs.append((key.value, value))
    bare = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    pairs += [("the file", value) for value in bare if not isinstance(value, ast.Constant)]
    return [
        (name, value)
        for name, value in pairs
        if name == "the file" or name.casefold().endswith(_ENDINGS)
    ]


def _label_fields(tree: ast.Module) -> tuple[str, ...]:
    """The field names of a namedtuple that the file defines, else those of Cityscapes' Label."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "namedtuple":
            try:
                fields = ast.literal_eval(node.args[1])
            except (ValueError, IndexError):
                continue
            return tuple(fields.split() if isinstance(fields, str) else map(str, fields))
    return _LABEL


def _value(node: ast.expr, fields: tuple[str, ...]) -> object:
    """Its literal value; calls in a list (``Label('road', 7, 0, ...)``) as objects.

    Raises: ValueError, for anything that would have to be run.
    """
    if isinstance(node, ast.List | ast.Tuple) and any(isinstance(e, ast.Call) for e in node.elts):
        objects = []
        for call in node.elts:
            if not isinstance(call, ast.Call) or not getattr(call.func, "id", "")[:1].isupper():
                raise ValueError("a list of other things than calls of one type")
            values = [ast.literal_eval(value) for value in call.args]
            named = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg}
            objects.append(dict(zip(fields, values, strict=False)) | named)
        return objects
    return ast.literal_eval(node)
