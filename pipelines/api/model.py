"""Segment pictures from a program, with a head that was trained.

In:  a run folder, pictures, perhaps other words.
Out: a Model, and of each picture a Segmentation.
"""

from collections.abc import Sequence
from pathlib import Path

from langseg.cache.bank.text_bank import TextBank
from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.api.unseen import unseen
from langseg.pipelines.seg.inputs import device_for, verified_bank, with_words
from langseg.segmenter.data.images import Picture
from langseg.segmenter.inference.reading import Mode, Reading
from langseg.segmenter.inference.segmentation import Segmentation
from langseg.segmenter.inference.segmenter import Segmenter


class Model:
    """A trained head on its frozen backbone, and the words that it is asked with.

    Holds no state of a picture: calls may come in any order. ``load`` makes one.
    ``notes`` are sentences on the words that ``with_classes`` was given: what they were taken for,
    and of which the store holds no phrases; none for the head's own words.
    """

    def __init__(
        self, segmenter: Segmenter, trained: TextBank, notes: tuple[str, ...] = ()
    ) -> None:
        self._segmenter, self._trained, self.notes = segmenter, trained, notes

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that a mask can hold; class i of a mask is the i-th."""
        return self._segmenter.bank.names

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes that ``segment`` can be told; "*" stands for none."""
        return self._segmenter.bank.scenes

    def segment(self, picture: Picture, scene: str | None = None) -> Segmentation:
        """Segment one picture: a path, a PIL image, or an array uint8 [H, W, 3] in RGB.

        ``scene``: told instead of judged, one of ``scenes``.
        Raises: InputError, for what is no picture; UsageError, for a scene that there is not.
        """
        return self._segmenter.segment(picture, scene)

    def with_classes(
        self, words: str | Path | Sequence[str], store: str | Path = DEFAULT_STORE
    ) -> "Model":
        """The same head, asked with other words, of what a store holds; nothing is trained.

        The text encoder may run for what has no vector yet; no LLM is ever asked.

        Args:
            words: names, the path of a class list, or the name of a vocabulary that ships.

        Raises: InputError, where no store is, and for words that cannot be used; UsageError, for
            a head that reads no words, and where its text encoder cannot be had.
        """
        with unseen() as advance:
            segmenter, notes = with_words(
                self._segmenter, self._trained, words, Path(store), advance
            )
        return Model(segmenter, self._trained, notes)


def load(
    run: str | Path, *, device: str = "auto", short_side: int | None = None, mode: Mode = "whole",
    weights: str | Path | None = None, bank: str | Path | None = None,
) -> Model:  # fmt: skip
    """Load the newest checkpoint of a run folder, or a checkpoint folder, with its own words.

    Args:
        device: cpu, cuda, cuda:1, ...; auto is a GPU where there is one.
        short_side: pixels; None is the side that the head was trained at.
        mode: whole reads a picture at once, slide in overlapping windows.
        weights: the backbone's .safetensors file, where it is not where training had it.
        bank: folder of another bank than the head was trained with, of the same text encoder.

    Raises: InputError, where no checkpoint or bank is; CorruptError, for a damaged one, and for a
        bank that does not fit; UsageError, for a device, a mode or a short side that cannot be;
        UpstreamError, where backbone weights cannot be had.
    """
    reading = Reading(mode=mode, short_side=short_side)
    segmenter = Segmenter.load(
        Path(run), weights=None if weights is None else Path(weights), device=device_for(device),
        reading=reading,
    )  # fmt: skip
    trained = segmenter.bank
    if bank is not None:
        segmenter = segmenter.with_bank(verified_bank(Path(bank)))
    return Model(segmenter, trained)
