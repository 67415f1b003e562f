"""Write `--help` as wide as the terminal is, its options in panels, no summary cut.

In:  a command, and the names of its settings.
Out: plain text, also where it is read by a program; bold headings on a terminal.
"""

import os
import re
import sys
from difflib import get_close_matches
from typing import Any

from typer import BadParameter, style
from typer.core import TyperCommand, TyperGroup

PANELS = {  # a setting has the same place in the help of every command
    "Who answers": "provider model base_url temperature max_completion_tokens",
    "What is meant": "dataset classes data split predictions mapping question results",
    "Own pictures": "images labels val_images val_labels val_share colours grey_window page",
    "What is asked": "attributes subclasses per_subclass scene_attributes samples differential "
    "prompt",
    "Scenes": "scenes scenes_from max_scenes scene",
    "Limits": "max_cost max_requests max_tokens max_minutes concurrency rpm tpm request_timeout "
    "enqueued_tokens price_in price_out max_rows time_limit memory_limit",
    "Model": "checkpoint bank vocabulary backbone weights pretrained head encoder",
    "How it looks": "mode short_side window stride scales flip average",
    "Made worse": "robustness corruptions severities",
    "Training": "steps batch_size crop lr seed workers",
    "Output": "store out format html rows quick latex as_json",
}
OTHERS = "Advanced"  # what is in no panel
CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 10_000,  # the terminal's own width is the bound
}
_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names.split()}


class Command(TyperCommand):
    """A command whose help has its options in panels, and that guesses which value was meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises: BadParameter, with the nearest of the values that there are."""
        try:
            return super().parse_args(ctx, args)
        except BadParameter as exc:
            message = exc.message.removeprefix("Value error, ")
            got, *values = re.findall(r"'([^']*)'", message) or [""]
            close = get_close_matches(got, values, n=1)
            exc.message = f"{message.rstrip('.')}; did you mean {close[0]}?" if close else message
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then every panel that has an option of this command."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        panels |= {panel: [] for panel in (*PANELS, OTHERS)}
        for parameter in self.get_params(ctx):
            is_argument = parameter.param_type_name == "argument"
            panel = "Arguments" if is_argument else _PANEL_OF.get(parameter.name, OTHERS)
            if record := parameter.get_help_record(ctx):
                panels[panel].append(record)
        for panel, rows in panels.items():
            _write(formatter, panel, rows)


class Group(TyperGroup):
    """A program, whose help lists its commands, each with the whole first line of its help."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a line for each command, or several, where the terminal is narrow."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, (one.help or "").partition("\n")[0]) for name, one in commands if one]
        _write(formatter, "Commands", rows)


def _write(formatter: Any, heading: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    is_bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with formatter.section(style(heading, bold=True) if is_bold else heading):
        formatter.write_dl(rows)
