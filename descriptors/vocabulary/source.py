"""Say which descriptors are meant: of which vocabulary, in which store, by which model.

In:  what a person gives, by name.
Out: a ``Source``, frozen, which names one vocabulary and no other setting; the flags by which the
     next command finds the same.
"""

import shlex
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

DEFAULT_STORE = Path("langseg-store")
SERVED = "openai:"  # before the name of a model that is a server's


class Source(BaseModel):
    """Which vocabulary, in which store, written by which model ("" = the one that covers most)."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    dataset: str | None = Field(
        None,
        description="Vocabulary that ships: ade20k, ade20k-full, camvid, cityscapes, "
        "coco-panoptic, coco-stuff, msrc, pascal-context, pascal-context-459, pascal-voc, "
        "pascal-voc-21.  [default: ade20k]",
    )
    classes: str | None = Field(
        None,
        description="Own classes instead of a dataset: a file (txt, csv, json, yaml, or what a "
        "dataset or tool has: COCO, YOLO, CVAT, ...), or names with commas between.",
    )
    store: Path = Field(DEFAULT_STORE, description="Store.")
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

    @field_validator("classes", mode="before")
    @classmethod
    def _as_words(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @model_validator(mode="after")
    def _one_vocabulary(self) -> Self:
        if self.dataset is not None and self.classes is not None:
            raise ValueError("vocabulary: wanted --dataset or --classes, got both")
        if self.classes == "":
            raise ValueError("classes: wanted the name of a file, or names, got none")
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
        description="minilm, a sentence-transformers folder or hub id, clip: or siglip: before "
        "a folder or hub id, for that model's text tower, or openai: before the model of an "
        "OpenAI-compatible server.",
    )


class EmbeddingSource(EncodedSource):
    """Whose phrases are embedded, by a text encoder that may be a server (`encode`, `arms`)."""

    base_url: str = Field(
        "",
        description="Server of --encoder openai:MODEL, e.g. http://127.0.0.1:8000/v1.  "
        "[default: $OPENAI_BASE_URL, else OpenAI's own]",
    )

    @model_validator(mode="after")
    def _asks_a_server_or_does_not(self) -> Self:
        if self.base_url and not self.encoder.startswith(SERVED):
            raise ValueError(
                f"encoder {self.encoder}: --base-url would do nothing with it; leave that out, or "
                f"give --encoder {SERVED}MODEL"
            )
        return self


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
