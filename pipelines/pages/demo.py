"""Lay one run out as a page a person can read: pictures, scores, descriptors, provenance.

In:  metrics, pictures and audit answers of a run.
Out: one self-contained ``index.html``: no script, no outside file, every text escaped.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import Any

from langseg.pipelines.shared.console import plain


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One PNG with its caption."""

    png: bytes
    alt: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a run: the command that does it, and how long it took."""

    name: str
    command: str
    seconds: float


def render_page(
    *,
    title: str,
    lead: str,
    tiles: Mapping[str, str],
    pictures: Sequence[Picture],
    classes: Sequence[Mapping[str, Any]],
    dropped: str,
    audit: Sequence[Mapping[str, Any]],
    stages: Sequence[Stage],
    store: str,
) -> str:
    """The page. Args: tiles: label -> value; classes: rows with name, iou (0..1) and phrases."""
    import jinja2

    source = package_files("langseg.pipelines.pages").joinpath("templates", "demo.html.jinja")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source.read_text("utf-8")).render(
        title=title,
        lead=lead,
        tiles=[{"label": label, "value": value} for label, value in tiles.items()],
        pictures=[
            {"uri": _data_uri(p.png), "alt": plain(p.alt), "caption": plain(p.caption)}
            for p in pictures
        ],
        classes=classes,
        dropped=dropped,
        audit=[
            {**table, "rows": [[None if c is None else plain(c) for c in r] for r in table["rows"]]}
            for table in audit
        ],
        stages=stages,
        store=store,
    )


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
