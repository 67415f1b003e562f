"""Say how many of something there are.

In:  a number and what is counted, in the singular.
Out: words: ``1 picture``, ``2 pictures``, ``3 classes``.
"""


def counted(number: int, noun: str) -> str:
    """The number and the noun, in the plural where that is due."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{ending}"
