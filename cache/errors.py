"""The one tree of errors, and the exit code each leaf ends a command with.

    LangSegError        1   a bug of ours, or a fault with no kind of its own
    |- UsageError       2   flags or configuration that cannot be meant
    |- InputError       3   a class list, image or dataset that cannot be used
    |- CorruptError     4   a store, bank or checkpoint that is damaged or does not fit
    |  `- FormatError       or that another LangSeg wrote in a format of its own
    |- UpstreamError    5   the LLM or the network failed; what was answered is committed
    |- BudgetError      6   a budget was reached; what was answered is committed
    `- LockedError      7   another process holds the store, or removed what was being read

A message is one sentence: where, what was wanted, what was got, what to do next.
"""


class LangSegError(Exception):
    """Root of every error LangSeg raises on purpose; ``exit_code`` ends the command."""

    exit_code = 1


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
