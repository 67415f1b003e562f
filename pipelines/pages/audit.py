"""Lay an audit out as a page a person can read.

In:  the report of a set's quality (flags, counts, discriminability), the answers in SQL, and the
     likeness of the classes.
Out: one self-contained HTML file: no script, no outside file, every text escaped.

What an LLM wrote is hostile until shown otherwise: beside the escaping, the page's own policy
allows no script and no address, and characters that are not seen are written out.
"""

import re
import shlex
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
from langseg.pipelines.shared.audit_report import QualityReport, StandingAnswer
from langseg.pipelines.shared.percentages import share
from langseg.pipelines.shared.picture_report import PICTURE_COLUMNS, PictureReport, picture_rows

SHOWN_FLAGS = 200
SHOWN_WORST = 20
SHOWN_PHRASES = 40
_ANSWERS = ("rejections", "unusable", "duplicates", "spend", "provenance", "encoders", "cut")
_SHOWN_ROWS = 30
_SHOWN_SCENES = 16
_MANY_COLUMNS, _FEW_ROWS = 7, 4


def render_audit(
    report: QualityReport,
    answers: Sequence[StandingAnswer],
    *,
    likeness: Floats | None,
    snapshot: str,
    vocabulary_hash: str,
    demo_page: str = "",
    by_pictures: PictureReport | None = None,
) -> str:
    """The page.

    Args:
        report: of the set that is assessed.
        answers: canned audits, of this vocabulary.
        likeness: [C, C], cosines of the classes in the order of the report; None where nothing
            was embedded.
        demo_page: the name of a demo's page, beside this one.
        by_pictures: what labelled pictures say of the phrases.
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

    def unbroken(text: str) -> Markup:
        """The text, which may be folded in no share."""
        escaped = str(Markup.escape(printable(text, 2000))).replace(" %", "&nbsp;%")
        return Markup(escaped)  # noqa: S704 (escaped above)

    def foldable(text: str) -> Markup:
        """The same, which may be folded where a name has a joint."""
        return Markup(re.sub(r"([:_](?=\w))", r"\1<wbr>", str(unbroken(text))))  # noqa: S704

    environment.filters |= {
        "share": share, "flags_line": flags_line, "unbroken": unbroken, "foldable": foldable
    }  # fmt: skip
    classes, measured = report.classes, report.discriminability
    described = [i for i, row in enumerate(classes) if row.phrases]
    drawn = None
    if likeness is not None and described:
        names = [classes[i].class_name for i in described]
        drawn = draw_map(names, likeness[described][:, described])
    worst_columns, worst = worst_table(classes, SHOWN_WORST)
    by_name = {answer.name: answer for answer in answers}
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
        set_rows=set_rows(report.sets),
        worst_columns=worst_columns,
        worst=worst,
        shades=[f"{shade_from(shade):.2f}" for shade in range(SHADES)],
        undescribed=undescribed(classes),
        flags=listed_flags(report)[:SHOWN_FLAGS],
        n_flags=len(listed_flags(report)),
        weak_pairs=report.weak_pairs[:SHOWN_WORST],
        map=drawn,
        silent=[reason for reason in RULES if report.flag_counts[reason] == 0],
        by_pictures=by_pictures,
        picture_columns=PICTURE_COLUMNS,
        picture_rows=[] if by_pictures is None else picture_rows(by_pictures, SHOWN_PHRASES),
        contents=_contents(report, bool(drawn), by_pictures is not None),
        next_steps=_next_steps(report),
        demo_page=demo_page,
        paths=[] if drawn is None else [Markup(path) for path in drawn.paths],  # noqa: S704 (digits)
        answers=[_shown(by_name[name]) for name in _ANSWERS],
    )


def _contents(report: QualityReport, has_map: bool, has_pictures: bool) -> list[tuple[str, str]]:
    """Anchor and name of each section that the page has."""
    sections = {
        "discriminability": ("Discriminability", True),
        "sets": ("Sets", len(report.sets) > 1),
        "worst": ("Worst classes", True),
        "pairs": ("Pairs", bool(report.weak_pairs)),
        "pictures": ("By pictures", has_pictures),
        "flags": ("Flags", True),
        "there": ("What is there", True),
        "alike": ("Which are alike", has_map),
        "classes": ("Every class", True),
        "answers": ("Dropped, spent, by whom", True),
        "next": ("What next", True),
    }
    return [(anchor, name) for anchor, (name, is_there) in sections.items() if is_there]


def _next_steps(report: QualityReport) -> list[tuple[str, str]]:
    """What a person may do about what the page shows, and the command for it."""
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    of = "--classes FILE"
    if report.vocabulary in shipped_vocabularies():
        of = f"--dataset {report.vocabulary}"
    worst = next(iter(worst_table(report.classes, 1)[1]), (report.classes[0].class_name,))[0]
    return [
        ("All about one class, here the worst", f"langseg-desc show {shlex.quote(worst)} {of}"),
        (
            "Ask what tells it from its look-alikes",
            f"langseg-desc generate {of} --differential --provider openai --model MODEL",
        ),
        ("Another model's phrases, to be compared here", "langseg-desc import FILE"),
        ("Is it the words, or only that there are words?", f"langseg-desc arms {of}"),
        ("The bank that a head is trained with", f"langseg-desc bank {of}"),
    ]


def _shown(answer: StandingAnswer) -> dict[str, object]:
    """An answer with its first rows; on its side where it is wide and short."""
    columns, rows = answer.columns, answer.rows[:_SHOWN_ROWS]
    more = len(answer.rows) - len(rows)
    if len(columns) > _MANY_COLUMNS and 0 < len(rows) <= _FEW_ROWS:
        rows = [[name, *(row[i] for row in rows)] for i, name in enumerate(columns)]
        columns = ["", *("" for _ in rows[0][1:])]
    return {**vars(answer), "columns": columns, "rows": rows, "more": more}


def _tiles(report: QualityReport, answers: Mapping[str, StandingAnswer]) -> list[tuple[str, str]]:
    classes, measured = report.classes, report.discriminability
    coverage, unmeasured = report.coverage, not_measured(report.not_measured)
    tiles = [
        (f"{coverage.described:,}", f"of {len(classes):,} classes described"),
        (f"{sum(row.phrases for row in classes):,}", "phrases kept"),
        (f"{sum(row[1] for row in answers['rejections'].rows):,}", "phrases dropped"),
        (f"{len(report.flags):,}", ", ".join(filter(None, ("flags", unmeasured)))),
    ]
    if coverage.slots:
        tiles.append(
            (
                f"{mean(coverage.slots.values()):,.0f}",
                f"of {len(classes):,} classes in an average slot",
            )
        )
    if coverage.plausible_pairs:
        label = f"of {coverage.plausible_pairs:,} plausible pairs of class and scene described"
        tiles.append((f"{coverage.pairs:,}", label))
    if measured is not None and measured.classes:
        low, high = (f"{100 * edge:.1f}" for edge in measured.interval)
        between = "" if low == "nan" else f" ({low} to {high})"
        label = f"of phrases find their class{between}, chance {share(measured.chance)}"
        tiles.insert(0, (share(measured.score), label))
    spent = _column(answers["spend"], "known_cost_usd")
    unpriced = sum(_column(answers["spend"], "unpriced"))
    label = "spent" + (f", and {unpriced} answers of unknown price" if unpriced else "")
    return [*tiles, (f"${sum(spent):,.2f}", label)]


def _column(answer: StandingAnswer, name: str) -> list[Any]:
    """The values of a column that are not null."""
    at = answer.columns.index(name)
    return [row[at] for row in answer.rows if row[at] is not None]


def _histograms(report: QualityReport) -> list[dict[str, object]]:
    classes, phrases = report.classes, report.phrase_counts
    drawn = [
        _histogram("Phrases, by number of words", dict(phrases.words)),
        _histogram("Classes, by number of phrases", Counter(row.phrases for row in classes)),
        _bars("Phrases, by slot", list(phrases.slots.items())),
    ]
    if scenes := list(phrases.scenes.items()):
        more = len(scenes) - _SHOWN_SCENES
        title = f"Phrases, by scene ({more} more scenes)" if more > 0 else "Phrases, by scene"
        drawn.append(_bars(title, scenes[:_SHOWN_SCENES]))
    if report.discriminability is not None:
        shares = [
            row.by_name for row in classes if row.by_name is not None and not isnan(row.by_name)
        ]
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
