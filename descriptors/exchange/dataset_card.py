"""Write the card of an exported dataset: what it holds, who wrote it, and what to doubt.

In:  the rows of an export, its vocabulary and the snapshot of the store they are from.
Out: a README.md that Hugging Face reads: YAML in front, Markdown behind.

Names of models and files are somebody's text: they stand in code spans, without back quotes.
The last line, which no reader sees, is a checksum of the others: so a card can be told from one
that somebody wrote or changed, and is worth more than a new one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import yaml

from langseg.cache.keys import sha256_hex
from langseg.cache.records import MODEL_PREFIX
from langseg.descriptors.exchange.export import ExportRow
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

DATA_FILE = "data/train-00000-of-00001.parquet"
FOLDER_MARK = "PATH/OF/THIS/FOLDER"
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_COLUMNS = {
    "class_id": "place of the class in the vocabulary, from 0; not the value in label files",
    "class_name": "name of the class",
    "scene": "`*` for any scene, else the scene in which the phrase holds",
    "subclass": "null for a phrase about the class itself, else the kind it describes",
    "slot": "what the phrase is about; `name` holds a subclass's own name, `any` names no slot",
    "text": "the phrase",
    "source": "the provider: bundled, import, or what asked a language model",
    "model": "model that was asked, or the name of the set",
    "prompt_id": "template of the prompt and the first digits of its sha256",
    "request_key": "sha256 of the request: model, messages, parameters, schema, sample",
    "served_model": "what the server, the pack or the file said of itself",
}
_MADE = {
    "bundled": "Those of `bundled` ship with LangSeg; no language model was called for them in "
    "the run they come from.",
    "import": "Those of `import` were read from files that somebody else published or wrote; "
    "whose terms they are under is for you to find out.",
}


def dataset_card(
    vocabulary: Vocabulary, rows: Sequence[ExportRow], *, manifest: str, version: str
) -> str:
    """The whole README.md; ``version`` is LangSeg's."""
    described = {row.class_name for row in rows}
    bare = [e.name for e in vocabulary.classes if e.name not in described]
    sources = list(dict.fromkeys(row.source for row in rows))
    parts = [
        f"---\n{yaml.safe_dump(_front(vocabulary, rows), sort_keys=False, allow_unicode=True)}---",
        f"# {_code(vocabulary.name)}: visual descriptors of {len(vocabulary.classes)} classes",
        "Short phrases that say what the classes of a segmentation vocabulary look like, with the "
        f"request each one comes from. Exported by LangSeg {version} from snapshot "
        f"{_code(manifest)} of a store; the vocabulary's sha256 is {_code(vocabulary.hash)}.",
        f"```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("{FOLDER_MARK}", split="train")\n```',
        f"`{FOLDER_MARK}` is the folder that this file is in, or its name on the Hugging Face Hub; "
        f"every other Parquet reader opens `{DATA_FILE}` in it.",
        _table(("count", ""), _counts(vocabulary, rows)),
        "## Columns",
        _table(("column", "meaning"), [(_code(name), text) for name, text in _COLUMNS.items()]),
        "## How it was made",
        " ".join(_how(sources)),
        _table(("source", "model", "prompt", "served by", "rows"), _written(rows)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(rows, bare)),
    ]
    card = "\n\n".join(parts) + "\n"
    return card + _seal(card)


def is_own_card(data: bytes) -> bool:
    """Whether a README.md is a card as ``dataset_card`` wrote it; other line ends are no change."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    card = text[:-1].rpartition("\n")[0] + "\n"
    return text == card + _seal(card)


def _seal(card: str) -> str:
    return f"<!-- langseg-desc export {sha256_hex(card)} -->\n"


def _front(vocabulary: Vocabulary, rows: Sequence[ExportRow]) -> dict[str, object]:
    ours = bool(rows) and all(row.source == "bundled" for row in rows)
    size = next((name for least, name in _SIZES if len(rows) < least), "1M<n<10M")
    front: dict[str, object] = {"license": "apache-2.0" if ours else "unknown"}
    if ours:
        front["language"] = ["en"]
    return front | {
        "pretty_name": f"LangSeg descriptors of {printable(vocabulary.name)}",
        "size_categories": [size],
        "tags": ["langseg", "descriptors", "semantic-segmentation", "open-vocabulary"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": DATA_FILE}]}
        ],
    }


def _counts(vocabulary: Vocabulary, rows: Sequence[ExportRow]) -> list[tuple[str, str]]:
    each = Counter(row.class_name for row in rows)
    found = sorted(each[entry.name] for entry in vocabulary.classes)
    slots = Counter(row.slot for row in rows)
    return [
        ("rows", str(len(rows))),
        ("classes", f"{len(found)}, of which {sum(not n for n in found)} have no row"),
        ("rows of a class", f"{found[0]} to {found[-1]}, median {found[len(found) // 2]}"),
        ("subclasses", str(len({(r.class_name, r.subclass) for r in rows if r.subclass}))),
        ("scenes", str(len({row.scene for row in rows} - {"*"}))),
        ("different texts", str(len({row.text for row in rows}))),
        ("slots", ", ".join(f"{_code(name)} {n}" for name, n in slots.most_common())),
    ]


def _how(sources: Iterable[str]) -> list[str]:
    listed = list(sources)
    sentences = [_MADE[source] for source in listed if source in _MADE]
    if any(source not in _MADE for source in listed):
        sentences.append(
            "The others were written by a language model that was asked for a fixed number of "
            "phrases in a JSON schema; its terms may bind what it wrote."
        )
    return [
        *sentences,
        "Each phrase passed the same automatic checks (length, the class's name, words for what "
        "no photo shows, duplicates, script and language, characters), but for sets kept as "
        "published. Dropped phrases and raw replies stay in the store.",
    ]


def _written(rows: Sequence[ExportRow]) -> list[tuple[str, ...]]:
    found = Counter((row.source, row.model, row.prompt_id, row.served_model) for row in rows)
    return [(*map(_code, who), str(count)) for who, count in found.most_common()]


def _limits(rows: Sequence[ExportRow], bare: Sequence[str]) -> list[str]:
    limits = [
        "The checks look at words, not at pictures: nobody has verified that each phrase is true "
        "of its class.",
        "That a set of phrases helps is not shown by the set: compare it with control arms of the "
        "same size, such as class names only, random words and swapped lists.",
    ]
    if any(row.model.startswith(MODEL_PREFIX) and row.slot == "any" for row in rows):
        limits.append("Imported phrases without a slot have the slot `any`; none was guessed.")
    if bare:
        shown = ", ".join(_code(name) for name in bare[:20])
        more = f" and {len(bare) - 20} more" if len(bare) > 20 else ""
        limits.append(f"Without any row: {shown}{more}.")
    return limits


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    plain = printable(" ".join(text.split())).replace("`", "'").replace("|", "/")
    return f"`{plain or '-'}`"
