"""Load the vocabulary that the settings of a command name, and say what its file was taken for.

In:  a ``Source``.
Out: its vocabulary; on stderr, once a run, whose form a class list has and what of it is left out.
"""

from functools import cache
from typing import TYPE_CHECKING

from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.shared.console import say

if TYPE_CHECKING:
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def source_vocabulary(source: Source) -> "Vocabulary":
    """Raises: UsageError, InputError, as ``load_vocabulary`` and ``vocabulary_of``."""
    from langseg.descriptors.vocabulary.load import load_vocabulary, vocabulary_of

    if source.shipped is not None:
        return load_vocabulary(source.shipped)
    vocabulary = vocabulary_of(str(source.classes))
    if vocabulary.read_as:
        _say_once(vocabulary.read_as)
    return vocabulary


@cache
def _say_once(words: str) -> None:
    say(words)
