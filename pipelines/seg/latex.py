"""Lay rows out as a LaTeX table.

In:  what a table is of, the heads of its columns, and rows of a name and cells.
Out: one tabular; it needs the package booktabs.
"""

from collections.abc import Sequence

from langseg.pipelines.shared.console import plain

_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "[": "{[}", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"
}  # fmt: skip


def latex_tabular(
    comments: Sequence[str], columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """Comments, then the table. Args: columns: of the numbers, LaTeX already; rows: the first cell
    of each is a name, which is escaped, the others are numbers."""
    lines = [
        *(f"% {plain(line)}" for line in comments),
        f"\\begin{{tabular}}{{l{'r' * len(columns)}}}",
        "\\toprule",
        _line(["", *columns]),
        "\\midrule",
        *(_line([escaped(row[0]), *row[1:]]) for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return "".join(_SPECIAL.get(character, character) for character in plain(text))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
