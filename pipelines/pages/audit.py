"""Lay an audit out as a page a person can read.

In:  the report of a set's quality (flags, counts, discriminability), the answers in SQL, and the
     likeness of the classes.
Out: one self-contained HTML file: no script, no outside file, every text escaped.

What an LLM wrote is hostile until shown otherwise: beside the escaping, the page's own policy
allows no script and no address, and characters that are not seen are written out.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files as package_files
from math import isnan
from statistics import mean
from typing import Any

from langseg.pipelines.pages.audit_tables import (
    SET_COLUMNS,
    flags_line,
    listed_flags,
    measured_rows,
    not_measured,
    set_rows,
    set_title,
    undescribed,
    worst_table,
)
from langseg.pipelines.pages.likeness_map import SHADES, Floats, draw_map, shade_from
from langseg.pipelines.shared.percentages import share

SHOWN_FLAGS = 200
SHOWN_WORST = 20
_ANSWERS = ("rejections", "unusable", "duplicates", "spend", "provenance", "encoders", "cut")
_SHOWN_ROWS = 30
_SHOWN_SCENES = 16
_MANY_COLUMNS, _FEW_ROWS = 7, 4


def render_audit(
    report: Mapping[str, Any],
    answers: Sequence[Mapping[str, Any]],
    *,
    likeness: Floats | None,
    snapshot: str,
    vocabulary_hash: str,
) -> str:
    """The page.

    Args:
        report: ``quality_report`` of the set that is assessed.
        answers: canned audits, of this vocabulary, each with name, question, columns and rows.
        likeness: [C, C], cosines of the classes in the order of the report; None where nothing
            was embedded.
    """
    import jinja2
    from markupsafe import Markup

    from langseg.descriptors.phrases.characters import printable
    from langseg.descriptors.quality.flags import RULES

    source = package_files("langseg.pipelines.pages").joinpath("templates", "audit.html.jinja")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value, 2000) if type(value) is str else value,
    )

    def foldable(text: str) -> Markup:
        """The text, which may be folded where a name has a joint, but in no share."""
        escaped = str(Markup.escape(printable(text, 2000))).replace(" %", "&nbsp;%")
        return Markup(re.sub(r"([:_](?=\w))", r"\1<wbr>", escaped))  # noqa: S704 (escaped above)

    environment.filters |= {"share": share, "flags_line": flags_line, "foldable": foldable}
    classes, measured = report["classes"], report["discriminability"]
    described = [i for i, row in enumerate(classes) if row["phrases"]]
    drawn = None
    if likeness is not None and described:
        names = [classes[i]["class_name"] for i in described]
        drawn = draw_map(names, likeness[described][:, described])
    worst_columns, worst = worst_table(classes, SHOWN_WORST)
    by_name = {answer["name"]: answer for answer in answers}
    return environment.from_string(source.read_text("utf-8")).render(
        report=report,
        measured=measured,
        rules=RULES,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        snapshot=snapshot,
        vocabulary_hash=vocabulary_hash,
        tiles=_tiles(report, by_name),
        histograms=_histograms(report),
        measured_rows=[] if measured is None else measured_rows(measured),
        set_title=set_title(report),
        set_columns=SET_COLUMNS,
        set_rows=set_rows(report["sets"]),
        worst_columns=worst_columns,
        worst=worst,
        shades=[f"{shade_from(shade):.2f}" for shade in range(SHADES)],
        undescribed=undescribed(classes),
        flags=listed_flags(report)[:SHOWN_FLAGS],
        n_flags=len(listed_flags(report)),
        weak_pairs=report["weak_pairs"][:SHOWN_WORST],
        map=drawn,
        paths=[] if drawn is None else [Markup(path) for path in drawn.paths],  # noqa: S704 (digits)
        answers=[_shown(by_name[name]) for name in _ANSWERS],
    )


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer with its first rows; on its side where it is wide and short."""
    columns, rows = answer["columns"], answer["rows"][:_SHOWN_ROWS]
    more = len(answer["rows"]) - len(rows)
    if len(columns) > _MANY_COLUMNS and 0 < len(rows) <= _FEW_ROWS:
        rows = [[name, *(row[i] for row in rows)] for i, name in enumerate(columns)]
        columns = ["", *("" for _ in rows[0][1:])]
    return {**answer, "columns": columns, "rows": rows, "more": more}


def _tiles(report: Mapping[str, Any], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    classes, measured = report["classes"], report["discriminability"]
    coverage, unmeasured = report["coverage"], not_measured(report["not_measured"])
    tiles = [
        (f"{coverage['described']:,}", f"of {len(classes):,} classes described"),
        (f"{sum(row['phrases'] for row in classes):,}", "phrases kept"),
        (f"{sum(row[1] for row in answers['rejections']['rows']):,}", "phrases dropped"),
        (f"{len(report['flags']):,}", ", ".join(filter(None, ("flags", unmeasured)))),
    ]
    if coverage["slots"]:
        tiles.append(
            (
                f"{mean(coverage['slots'].values()):,.0f}",
                f"of {len(classes):,} classes in an average slot",
            )
        )
    if coverage["plausible_pairs"]:
        label = f"of {coverage['plausible_pairs']:,} plausible pairs of class and scene described"
        tiles.append((f"{coverage['pairs']:,}", label))
    if measured is not None and measured["classes"]:
        low, high = (f"{100 * edge:.1f}" for edge in measured["interval"])
        label = "discriminability" + ("" if low == "nan" else f", {low} to {high}")
        tiles.insert(0, (share(measured["score"]), label))
    spent = _column(answers["spend"], "known_cost_usd")
    unpriced = sum(_column(answers["spend"], "unpriced"))
    label = "spent" + (f", and {unpriced} answers of unknown price" if unpriced else "")
    return [*tiles, (f"${sum(spent):,.2f}", label)]


def _column(answer: Mapping[str, Any], name: str) -> list[Any]:
    """The values of a column that are not null."""
    at = answer["columns"].index(name)
    return [row[at] for row in answer["rows"] if row[at] is not None]


def _histograms(report: Mapping[str, Any]) -> list[dict[str, object]]:
    classes, phrases = report["classes"], report["phrase_counts"]
    drawn = [
        _histogram("Phrases, by number of words", dict(phrases["words"])),
        _histogram("Classes, by number of phrases", Counter(row["phrases"] for row in classes)),
        _bars("Phrases, by slot", list(phrases["slots"].items())),
    ]
    if scenes := list(phrases["scenes"].items()):
        more = len(scenes) - _SHOWN_SCENES
        title = f"Phrases, by scene ({more} more scenes)" if more > 0 else "Phrases, by scene"
        drawn.append(_bars(title, scenes[:_SHOWN_SCENES]))
    if report["discriminability"] is not None:
        shares = [row["by_name"] for row in classes if not isnan(row["by_name"])]
        tenths = Counter(min(int(share * 10), 9) for share in shares)
        counts = [(f"{10 * tenth}-{10 * tenth + 10} %", tenths[tenth]) for tenth in range(10)]
        drawn.append(_bars("Classes, by discriminability", counts))
    return drawn


def _histogram(title: str, counts: Mapping[int, int], most: int = 16) -> dict[str, object]:
    """How often each whole number is there, as many numbers to a bar as it takes to stay within
    ``most`` bars."""
    if not counts:
        return _bars(title, [])
    low, high = min(counts), max(counts)
    step = -(-(high - low + 1) // most)
    heights = Counter[int]()
    for number, count in counts.items():
        heights[(number - low) // step] += count
    bars = []
    for bar in range((high - low) // step + 1):
        start = low + bar * step
        label = str(start) if step == 1 else f"{start}-{start + step - 1}"
        bars.append((label, heights[bar]))
    return _bars(title, bars)


def _bars(title: str, bars: Sequence[tuple[str, int]]) -> dict[str, object]:
    most = max((count for _, count in bars), default=0) or 1
    return {
        "title": title,
        "bars": [
            {"label": label, "count": count, "percent": round(100 * count / most, 1)}
            for label, count in bars
        ],
    }
