"""Write the flags by which the next command finds what this one was about.

In:  the settings of a command.
Out: flags, as a person would type them into a shell.
"""

import shlex

from langseg.descriptors.vocabulary.source import EncodedSource, Source


def source_flags(source: Source, encoder_name: str | None = None) -> str:
    """The flags that name the same vocabulary, scenes, store, model and, if given, encoder, each
    with a space before it; what a command takes unasked is left out."""
    fields, said = Source.model_fields, {}
    for name, field in fields.items():
        if (value := getattr(source, name)) != field.default:
            said[name] = value
    if encoder_name not in (None, EncodedSource.model_fields["encoder"].default):
        said["encoder"] = encoder_name
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in said.items()
    )
