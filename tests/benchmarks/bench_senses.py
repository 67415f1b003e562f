"""Does what is said of a class settle which sense of an ambiguous word is meant?

    python -m tests.benchmarks.bench_senses STORE                the words of the packs, no picture
    python -m tests.benchmarks.bench_senses --rendered WORLDS    pixels, in rendered worlds

In:  a store with encoded banks of ade20k, coco-panoptic and pascal-context; or how many worlds.
Out: of each word, its definition and its pack the mean cosine with six phrases of either sense, and
     how often one of the meant sense is the nearer (1 always, 0.5 by chance); or accuracies.

A rendered world is ``attribute_world``'s, five of whose classes have ambiguous names. They are
never trained. They are asked with phrases that say how they look, with phrases of another sense
(how the next of the five looks), and with their names.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.load_save import load_bank, newest_bank
from langseg.descriptors.encoders.load import load_encoder
from langseg.descriptors.vocabulary.load import load_vocabulary
from tests.support.attribute_world import write_world

Vectors = NDArray[np.float32]
SENSES = {  # the meant one first; none says its word
    "crane": {
        "machine": (
            "a tall steel lattice mast on a building site", "a yellow boom with a hook and cables",
            "a jib high above a half-built tower", "a machine that lifts containers at a harbour",
            "a cab and a counterweight at the top of a tower",
            "a truck with a telescopic lifting arm",
        ),
        "bird": (
            "a tall wading bird with long thin legs", "grey feathers and a long straight beak",
            "a flock with outstretched necks flying over a marsh",
            "a slender neck bent down to the water", "a red patch on the head of a grey bird",
            "wings spread in a dance on a wet meadow",
        ),
    },
    "mouse": {
        "device": (
            "a small plastic device beside a keyboard", "two buttons and a scroll wheel",
            "a cable that runs to a computer", "smooth black plastic on a pad on the desk",
            "a wireless pointer under somebody's hand", "an optical sensor with a red light below",
        ),
        "animal": (
            "a small rodent with a long thin tail", "brown fur, round ears and whiskers",
            "a tiny animal nibbling a grain of corn", "little pink paws and black eyes",
            "a grey furry body running along the wall", "a rodent peeping out of its hole",
        ),
    },
    "mirror": {
        "looking glass": (
            "a framed reflecting pane on the wall above the sink",
            "the reflection of a room in a shiny surface",
            "a round silvered pane with a gilt frame",
            "a full-length pane on the wardrobe", "a bright flat surface that shows one's face",
            "a bathroom cabinet with a reflecting front",
        ),
        "on a car": (
            "a small pane on a stalk at the side of a car",
            "a black plastic housing beside the driver's window",
            "the road behind seen from the driver's seat", "a folding part on a lorry's door",
            "a wide pane below the windscreen's upper edge",
            "a chrome disc on a motorcycle's handlebar",
        ),
    },
    "glass": {
        "vessel": (
            "a clear tumbler filled with water", "a stemmed goblet on a laid table",
            "a transparent cup that somebody drinks from", "a tall beer vessel with foam on top",
            "an empty vessel beside a bottle of wine", "ice cubes and a straw in a drink",
        ),
        "pane": (
            "a large transparent pane in a window frame",
            "a facade of shiny panes on an office tower", "a clear sheet in a door",
            "greenhouse walls of transparent panels", "reflections of clouds in a pane",
            "a shop's transparent front",
        ),
    },
    "plant": {
        "living": (
            "green leaves in a pot on the window sill", "a leafy shrub with small flowers",
            "a fern with feathery fronds", "long stems and broad leaves",
            "a cactus with spines in a clay pot", "creepers along a garden wall",
        ),
        "works": (
            "a power station with cooling towers", "chimneys and pipes of an industrial works",
            "a large hall with machines and conveyor belts", "storage tanks and steel pipes",
            "a refinery lit up at night", "smoke rising from a row of stacks",
        ),
    },
}  # fmt: skip
DEFINITIONS = (  # with and without what it is not
    ("crane", "tall machine that lifts loads; not the bird"),
    ("crane", "tall machine that lifts loads"),
    ("mouse", "hand-held pointing device of a computer, not the animal"),
    ("mouse", "hand-held pointing device of a computer"),
)
PACKS = ("ade20k", "coco-panoptic", "pascal-context")


def of_texts(store: Path) -> None:
    """One line for each class vector."""
    encoder = load_encoder("minilm")

    def vectors(*texts: str) -> Vectors:
        return encoder.encode(list(texts))[0]

    for word in SENSES:
        _tell(vectors, word, f"the word {word}", vectors(word)[0])
    for word, definition in DEFINITIONS:
        _tell(vectors, word, f"{word}: {definition}", vectors(f"{word}: {definition}")[0])
    for pack, word, name, vector in _pack_vectors(store):
        _tell(vectors, word, f"{pack}'s phrases of {name}", vector)
        (defined,) = (one for one in load_vocabulary(pack).classes if one.name == name)
        said = f"{word}: {defined.definition}"
        _tell(vectors, word, said, vectors(said)[0])


def _pack_vectors(store: Path) -> Iterator[tuple[str, str, str, Vectors]]:
    """Pack, word, class, and the mean of what is said of it in any scene, its name among them."""
    for pack in PACKS:
        folder = newest_bank(store / "banks", pack)
        if folder is None:
            raise SystemExit(f"{store}: wanted a bank of {pack}: generate, encode, bank")
        bank = load_bank(folder)
        for row, name in enumerate(bank.names):
            for word in (
                {*SENSES} & {*name.replace("-", " ").split()} if name != "wine glass" else ()
            ):
                said = bank.mask[row] & (bank.prior[0, row] == 1)
                yield pack, word, name, bank.emb[row, said].astype(np.float32).mean(axis=0)


def _tell(vectors: Callable[..., Vectors], word: str, what: str, vector: Vectors) -> None:
    vector = vector / np.linalg.norm(vector)
    meant, other = (vectors(*phrases) @ vector for phrases in SENSES[word].values())
    nearer = (meant[:, None] > other).mean()
    print(f"{what:90} {meant.mean():.3f} {other.mean():.3f} nearer {nearer:.2f}", flush=True)


def of_pixels(worlds: int) -> None:
    """Two lines for each world: arms of the run with the meant phrases, and with the others."""
    words = tuple(SENSES)
    for seed in range(worlds):
        with tempfile.TemporaryDirectory() as place:
            world = write_world(Path(place) / "world", kind="positive", seed=seed)
            said: dict[str, list[str]] = json.loads(world.descriptors.read_text())
            renamed = dict(zip(list(said)[-len(words) :], words, strict=True))
            meant = {renamed.get(name, name): phrases for name, phrases in said.items()}
            turned = dict(zip(words, (*words[1:], words[0]), strict=True))
            other = {name: meant[turned.get(name, name)] for name in meant}
            world.classes.write_text("".join(f"{name}\n" for name in meant))
            pictures = [
                "--images", world.images, "--labels", world.labels, "--val-images",
                world.val_images, "--val-labels", world.val_labels, "--features",
                Path(place) / "features", "--set", "training.feature_side=128", "--config", "demo",
            ]  # fmt: skip
            for sense, phrases in (("meant", meant), ("other", other)):
                found = _accuracies(Path(place) / sense, world.classes, phrases, pictures)
                print(seed, sense, found, flush=True)


def _accuracies(
    store: Path, classes: Path, said: Mapping[str, list[str]], pictures: list[object]
) -> dict[str, float]:
    """Pixel accuracy among the five of each arm, in percent; chance is 20."""
    file = store.with_suffix(".json")
    file.write_text(json.dumps(said))
    own: list[object] = ["--classes", classes, "--store", store]
    _run("langseg-desc", "import", file, *own)
    for command in ("encode", "bank"):
        _run("langseg-desc", command, *own)
    _run("langseg-desc", "arms", *own, "--seeds", 1)
    report = _run(
        "langseg-seg", "compare", *own, *pictures, "--out", store / "compare", "--json",
        "--arms", "names,named-random", "--unseen", ",".join(SENSES),
    )  # fmt: skip
    return {row["arm"]: round(row["score"], 1) for row in json.loads(report)["arms"]}


def _run(command: str, *arguments: object) -> str:
    program = Path(sys.executable).with_name(command)
    done = subprocess.run(
        [program, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path, nargs="?", help="store with the three packs' banks")
    parser.add_argument("--rendered", type=int, default=0, help="so many rendered worlds")
    asked = parser.parse_args()
    if asked.store is not None:
        of_texts(asked.store)
    of_pixels(asked.rendered)


if __name__ == "__main__":
    main()
