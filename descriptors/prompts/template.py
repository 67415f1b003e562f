"""A prompt template: what is said to the model around the data.

In:  a template that ships, or a person's file, with the two Jinja blocks "system" and "user".
Out: the beginning of a request's messages as canonical JSON, and the data that closes them.

The system block is the same for every request. Data (a class, a scene, a list) is never rendered
by a template: it closes the user message as lines of ``Mark: JSON`` that are added here, so that
no name can pass for an instruction, requests share all that comes before it, and stored requests
can be read again without the template.

A template says text, values and ``if``. It has no loops, calls or attributes: one that came from
elsewhere can neither hang a run nor reach what it is not given.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import jinja2
import jinja2.exceptions
import jinja2.sandbox
from jinja2 import nodes

from langseg.cache.errors import InputError, UsageError
from langseg.cache.keys import canonical_json, sha256_hex
from langseg.cache.store.manifest import safe_name
from langseg.descriptors.phrases.characters import unseen_character

BLOCKS = ("system", "user")
CLASS_MARK = "Class"  # before the line of data that says which class a request is about
_CLOSING = '","role":"user"}]'  # behind the user message's text, in canonical JSON
_MAX_FILE_BYTES = 2**18
_MAX_TEXT_CHARS = 200_000
_ALLOWED = (
    nodes.Block, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Test,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Neg, nodes.Concat, nodes.Filter,
)  # fmt: skip
_FILTERS = ("json", "lower", "upper", "capitalize", "title", "trim")


@dataclass(frozen=True)
class Template:
    """Name and Jinja source. Equal sources of one name are one prompt, whatever file they are."""

    name: str
    source: str

    @property
    def prompt_id(self) -> str:
        """Name and 12 digits of the source's sha256: a changed template is another prompt."""
        return f"{self.name}@{sha256_hex(self.source)[:12]}"

    def opening(self, values: Mapping[str, Any]) -> str:
        """Canonical JSON of the messages up to the data: the prefix that requests share.

        ``values`` fill the user block only. Raises: UsageError, for a name the block does not
        know and for a template that fails.
        """
        system, user = _rendered(self, "system", {}), _rendered(self, "user", values)
        messages = [
            {"role": "system", "content": system},
            {"role": "user", "content": f"{user}\n"},
        ]
        return canonical_json(messages).removesuffix(_CLOSING)


def closing(data: Mapping[str, Any]) -> str:
    """What closes the messages: a line of ``Mark: JSON`` for each item, in order."""
    lines = (f"{mark}: {json.dumps(value, ensure_ascii=False)}" for mark, value in data.items())
    return json.dumps("\n".join(lines), ensure_ascii=False)[1:-1] + _CLOSING


def closing_data(messages_json: str, *marks: str) -> list[Any]:
    """The data that closes messages of ours, read back.

    Raises: ValueError, KeyError, for messages that do not end with lines of these marks.
    """
    text = messages_of(messages_json)[-1]["content"]
    lines = text.split("\n")[-len(marks) :]
    found = []
    for mark, line in zip(marks, lines, strict=True):
        head, colon, value = line.partition(": ")
        if head != mark or not colon:
            raise ValueError(f"wanted a line of {mark}, got {line[:40]!r}")
        found.append(json.loads(value))
    return found


def class_data(messages_json: str) -> dict[str, Any]:
    """Name, synonyms and definition of the class that messages of ours ask about.

    Raises: ValueError, for messages that ask about no class.
    """
    data: dict[str, Any] = closing_data(messages_json, CLASS_MARK)[0]
    return data


@lru_cache(maxsize=8)
def messages_of(messages_json: str) -> Sequence[Mapping[str, str]]:
    """The messages of a request; not to be changed. Reading an answer asks for them twice."""
    messages: Sequence[Mapping[str, str]] = json.loads(messages_json)
    return messages


def shipped_template(name: str) -> Template:
    """A template that ships. Raises: UsageError, for one that does not."""
    folder = package_files("langseg.descriptors").joinpath("templates")
    names = sorted(file.name.removesuffix(".jinja") for file in folder.iterdir())
    if name not in names:
        raise UsageError(f"prompt {name!r}: wanted one of {', '.join(names)}")
    return Template(name, folder.joinpath(f"{name}.jinja").read_text("utf-8"))


def template_from_file(path: Path) -> Template:
    """A person's own template, named after its file. Nothing of it is rendered yet.

    Raises: InputError, for a file that cannot be read or lacks one of the two blocks.
    """
    where = f"{path}: wanted a Jinja template with the blocks system and user"
    try:
        size = path.stat().st_size
        source = path.read_text("utf-8") if size <= _MAX_FILE_BYTES else ""
    except OSError as exc:
        raise InputError(f"{where}, got {exc.strerror}") from exc
    except ValueError as exc:
        raise InputError(f"{where} in UTF-8, got {_one_line(exc)}") from None
    if size > _MAX_FILE_BYTES:
        raise InputError(f"{where} of at most 256 KiB, got {size} bytes")
    try:
        blocks = _compiled(source).blocks
    except Exception as exc:  # it is compiled to Python, which has limits of its own
        raise InputError(f"{where}, got {_one_line(exc)}") from None
    missing = [block for block in BLOCKS if block not in blocks]
    if missing:
        raise InputError(f"{where}, got none named {' and '.join(missing)}")
    return Template(safe_name("prompt file", path.stem), source)


def _rendered(template: Template, block: str, values: Mapping[str, Any]) -> str:
    where = f"prompt {template.name}, block {block}"
    try:
        compiled = _compiled(template.source)
        parts, size = [], 0
        for part in compiled.blocks[block](compiled.new_context(dict(values))):
            parts.append(part)
            size += len(part)
            if size > _MAX_TEXT_CHARS:
                raise UsageError(f"{where}: wanted at most {_MAX_TEXT_CHARS} characters, got more")
    except UsageError:
        raise
    except Exception as exc:  # a template runs what its author wrote
        known = ", ".join(values) or "none"
        raise UsageError(
            f"{where}: wanted text, got {_one_line(exc)}; the names it may use: {known}"
        ) from None
    text = "".join(parts).strip()
    if not text or unseen_character(text.replace("\n", " ")):
        raise UsageError(f"{where}: wanted visible text, got none or control characters")
    return text


def _one_line(exc: Exception) -> str:
    return " ".join(f"{type(exc).__name__}: {exc}".split())[:200]


class _Environment(jinja2.sandbox.SandboxedEnvironment):
    intercepted_binops = frozenset(("*",))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """``"x" * 10**9`` would fill the memory."""
        if isinstance(left, str) or isinstance(right, str):
            raise jinja2.exceptions.SecurityError("wanted numbers to multiply")
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=8)
def _compiled(source: str) -> jinja2.Template:
    environment = _Environment(undefined=jinja2.StrictUndefined)
    environment.globals.clear()
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    for node in environment.parse(source).find_all(nodes.Node):
        if strange := _strange(node):
            known = f"text, values, `if` and the filters {', '.join(_FILTERS)}"
            raise jinja2.TemplateSyntaxError(f"{strange}, which is none of {known}", node.lineno)
    return environment.from_string(source)


def _strange(node: nodes.Node) -> str:
    """What a part of a template is that none may hold, or ``""``."""
    if isinstance(node, nodes.Filter):
        return "" if node.name in _FILTERS else f"filter {node.name!r}"
    return "" if isinstance(node, _ALLOWED) else type(node).__name__
