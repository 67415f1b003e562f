"""Say on the command line what helps after an error of the store.

In:  an error and its remedy.
Out: its sentence, with the command that is to be run next.
"""

from langseg.cache.errors import LangSegError, Remedy

COLLECTED = "`langseg-desc gc` removes what nobody needs"
_COMMANDS = {
    Remedy.GENERATE: "`langseg-desc generate` makes one",
    Remedy.ENCODE: "`langseg-desc encode` makes them",
    Remedy.BUILD_BANK: "build it with `langseg-desc bank`",
    Remedy.MAKE_ARMS: "make the arms again with `langseg-desc arms`",
    Remedy.VERIFY: "see `langseg-desc verify`",
    Remedy.REPAIR: "`langseg-desc repair` goes on with what is whole",
    Remedy.OTHER_STORE: "give another with --store",
}


def advised(error: LangSegError) -> str:
    """What went wrong, and what to run next where the error tells."""
    return str(error) if error.remedy is None else f"{error}; {_COMMANDS[error.remedy]}"
