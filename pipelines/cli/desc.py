"""`langseg-desc`: write, embed, lay out and audit the descriptors of a vocabulary.

The commands themselves are in ``desc_commands``, by kind.
"""

from collections.abc import Callable

import typer

from langseg.pipelines.cli.desc_commands import banks, exchange, generation, looking, upkeep
from langseg.pipelines.cli.help import CONTEXT, Command, Group
from langseg.pipelines.cli.options import Version
from langseg.pipelines.shared.console import run

app = typer.Typer(
    help="Stage one, offline: ask an LLM (or the bundled pack) once for visual descriptors of "
    "every class and every plausible (class, scene), check, embed and cache them.",
    epilog="Exit codes: 0 ok, 1 internal, 2 usage, 3 bad input, 4 store or bank corrupt, "
    "5 LLM or network failed (resumable), 6 budget reached (resumable), 7 store locked, "
    "130 interrupted. Example: langseg-desc generate --dataset ade20k",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich alone would take as long as the help may
    cls=Group,
    context_settings=CONTEXT,
)
_COMMANDS: dict[str, Callable[..., None]] = {  # in the order of a first use
    "generate": generation.generate,
    "plan": generation.plan,
    "explain-key": generation.explain_key,
    "encode": banks.encode,
    "bank": banks.bank,
    "arms": banks.arms,
    "import": exchange.import_set,
    "export": exchange.export,
    "audit": looking.audit,
    "show": looking.show,
    "sql": looking.sql,
    "verify": upkeep.verify,
    "repair": upkeep.repair,
    "compact": upkeep.compact,
    "gc": upkeep.gc,
}


@app.callback()
def _options(version: Version = False) -> None:
    """Options of the command line itself; ``Version`` acts when it is read."""


for _name, _command in _COMMANDS.items():
    app.command(_name, cls=Command)(_command)


def main() -> None:
    """Entry point of the console script."""
    run(app)


if __name__ == "__main__":
    main()
