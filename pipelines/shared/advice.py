"""Say on the command line what helps after an error of the store.

In:  an error and its remedy.
Out: its sentence, with the command that is to be run next or the flag that is to be given.
"""

from pathlib import Path

from langseg.cache.errors import LangSegError, Remedy
from langseg.pipelines.shared.near_stores import near_stores

COLLECTED = "`langseg-desc gc` removes what nobody needs"
_SENTENCES = {
    Remedy.GENERATE: "`langseg-desc generate` makes one, with the same --store",
    Remedy.ENCODE: "`langseg-desc encode` makes them",
    Remedy.BUILD_BANK: "build it with `langseg-desc bank`",
    Remedy.MAKE_ARMS: "make the arms again with `langseg-desc arms`",
    Remedy.VERIFY: "see `langseg-desc verify`",
    Remedy.REPAIR: "`langseg-desc repair` goes on with what is whole",
    Remedy.OTHER_STORE: "give another with --store",
    Remedy.MORE_TIME: "narrow the question or raise --time-limit",
    Remedy.MORE_MEMORY: "narrow the question or raise --memory-limit",
    Remedy.ROOM_FOR_ROW: "select less of it or raise --memory-limit",
    Remedy.ROOM_FOR_TABLES: "raise --memory-limit",
}


def advised(error: LangSegError) -> str:
    """What went wrong, and what to do next where the error tells."""
    if error.remedy is None:
        return str(error)
    sentence = f"{error}; {_SENTENCES[error.remedy]}"
    if error.remedy is Remedy.GENERATE and (near := near_stores(Path())):
        sentence += f", and another is near: --store {near[0]}"
    return sentence
