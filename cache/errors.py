"""The one tree of errors, and the exit code each leaf ends a command with.

    LangSegError        1   a bug of ours, or a fault with no kind of its own
    |- UsageError       2   flags or configuration that cannot be meant
    |- InputError       3   a class list, image or dataset that cannot be used
    |- CorruptError     4   a store, bank or checkpoint that is damaged or does not fit
    |  `- FormatError      4   one that another LangSeg wrote, of which nothing is known to be wrong
    |- UpstreamError    5   the LLM or the network failed; what was answered is committed
    |- BudgetError      6   a budget was reached; what was answered is committed
    `- LockedError      7   another process holds the store, or removed what was being read

A message is one sentence: where, what was wanted, what was got, what to do next. What is next may
be the work of another command, or a flag; the error then says which kind, its ``remedy``, and
whoever runs commands knows what they and their flags are called.
"""

from enum import Enum, auto


class Remedy(Enum):
    """What helps after an error: work on a store, or a way to ask it."""

    GENERATE = auto()  # make the store, or answers in it
    ENCODE = auto()  # embed the texts of the store
    BUILD_BANK = auto()  # build the bank anew
    MAKE_ARMS = auto()  # make the control arms anew
    VERIFY = auto()  # look at all of the store and say what is wrong
    REPAIR = auto()  # go on with what is whole
    OTHER_STORE = auto()  # take another folder for the store
    MORE_TIME = auto()  # ask less of the store, or allow more time
    MORE_MEMORY = auto()  # ask less of the store, or allow more memory
    ROOM_FOR_ROW = auto()  # select less of each row, or allow more memory
    ROOM_FOR_TABLES = auto()  # allow more memory: the tables alone take it


class LangSegError(Exception):
    """Root of every error LangSeg raises on purpose; ``exit_code`` ends the command."""

    exit_code = 1
    told_by_another = False  # of several processes that end with it, another one says it

    def __init__(self, message: str = "", remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(LangSegError):
    """Flags or configuration that cannot be meant."""

    exit_code = 2


class InputError(LangSegError):
    """A class list, an image, a label map or a dataset that cannot be used."""

    exit_code = 3


class CorruptError(LangSegError):
    """A store, bank or checkpoint that is damaged, or does not fit what it is used with."""

    exit_code = 4


class FormatError(CorruptError):
    """A store or bank in the format of another LangSeg, of which nothing is known to be wrong."""


class UpstreamError(LangSegError):
    """The LLM or the network failed; answered requests are committed and a rerun resumes."""

    exit_code = 5


class BudgetError(LangSegError):
    """A money or request budget was reached; answered requests are committed."""

    exit_code = 6


class LockedError(LangSegError):
    """Another process writes to this store, or removed what was being read: run it again."""

    exit_code = 7
