"""Say which descriptors are meant: of which vocabulary, in which store, by which model.

In:  what a person gives, by name.
Out: a ``Source``, frozen, which names one vocabulary and no other setting; the flags by which the
     next command finds the same.
"""

import shlex
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_STORE = Path("langseg-store")


class Source(BaseModel):
    """Which vocabulary, in which store, written by which model ("" = the one that covers most)."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    dataset: str | None = Field(
        None,
        description="Vocabulary that ships: ade20k, camvid, cityscapes, coco-stuff, "
        "pascal-context, pascal-voc.  [default: ade20k]",
    )
    classes: Path | None = Field(
        None, description="Own class list (txt, csv, json, yaml) instead of a dataset."
    )
    store: Path = DEFAULT_STORE
    model: str = Field("", description="Whose answers, when several models have answered.")
    scenes: str = Field(
        "dataset",
        description="dataset: the vocabulary's own; none; or a file of scenes (txt, json, yaml), "
        "whose plausible classes an LLM is asked for once a scene.",
    )
    scenes_from: Path | None = Field(
        None, description="Count plausible classes in a labelled dataset (ADE20K layout) instead."
    )
    max_scenes: int | None = Field(None, ge=1, description="The first, or commonest, so many.")

    @model_validator(mode="after")
    def _one_vocabulary(self) -> Self:
        if self.dataset is not None and self.classes is not None:
            raise ValueError("vocabulary: wanted --dataset or --classes, got both")
        if self.classes == Path():
            raise ValueError("classes: wanted the name of a file, got none")
        if self.scenes_from is not None and self.scenes != "dataset":
            raise ValueError("scenes: wanted --scenes or --scenes-from, got both")
        return self

    @property
    def shipped(self) -> str | None:
        """The dataset whose vocabulary ships, unless a class list stands in for it."""
        if self.classes is not None:
            return None
        return "ade20k" if self.dataset is None else self.dataset


class EncodedSource(Source):
    """Whose phrases are embedded or laid out, and by which text encoder (`encode`, `bank`)."""

    encoder: str = Field(
        "minilm",
        description="minilm, a sentence-transformers folder or hub id, or clip: or siglip: before "
        "a folder or hub id, for that model's text tower.",
    )


def source_flags(source: Source, encoder_name: str | None = None) -> str:
    """The flags that name the same vocabulary, scenes, store, model and, if given, encoder, each
    with a space before it; what a command takes unasked is left out."""
    given = {}
    for name, field in Source.model_fields.items():
        if (value := getattr(source, name)) != field.default:
            given[name] = value
    if encoder_name not in (None, EncodedSource.model_fields["encoder"].default):
        given["encoder"] = encoder_name
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given.items()
    )
