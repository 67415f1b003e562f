"""Lay one run out as a page a person can read: pictures, scores, descriptors, provenance.

In:  metrics, pictures and audit answers of a run.
Out: one self-contained ``index.html``: no script, no outside file, every text escaped.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from typing import Any

from langseg.pipelines.shared.audit_report import StandingAnswer
from langseg.pipelines.shared.console import plain


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """A class of a picture: its colour, red, green, blue, or None, and its share of the pixels as
    annotated and as predicted, in words."""

    name: str
    colour: tuple[int, int, int] | None
    annotated: str
    predicted: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """PNGs by what they show, image, annotation, prediction, with a caption and a legend."""

    panels: Mapping[str, bytes]
    caption: str
    legend: Sequence[LegendEntry]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a run: the command that does it, and how long it took."""

    name: str
    command: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do next, and the command that does it."""

    what: str
    command: str


def render_page(
    *,
    title: str,
    lead: str,
    tiles: Mapping[str, str],
    pictures: Sequence[Picture],
    classes: Sequence[Mapping[str, Any]],
    dropped: str,
    audit: Sequence[StandingAnswer],
    audit_page: str,
    stages: Sequence[Stage],
    next_steps: Sequence[Step],
) -> str:
    """The page.

    Args:
        tiles: label -> value; classes: rows with name, iou (0..1) and phrases; audit_page: the
            name of the audit's page, beside this one.
    """
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
            {
                "panels": [(name, _data_uri(png)) for name, png in picture.panels.items()],
                "caption": plain(picture.caption),
                "legend": [replace(row, name=plain(row.name)) for row in picture.legend],
            }
            for picture in pictures
        ],
        classes=classes,
        dropped=dropped,
        audit=[
            replace(table, rows=[[None if c is None else plain(c) for c in r] for r in table.rows])
            for table in audit
        ],
        audit_page=audit_page,
        stages=stages,
        next_steps=next_steps,
    )


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
