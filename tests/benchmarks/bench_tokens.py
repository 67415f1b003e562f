"""Tokens per accepted descriptor for each prompt that ships, and what the validation turns down.

In:  the vocabulary and the bundled pack of ADE20K; a class -> phrases file, if one is given.
Out: tables, counted with OpenAI's encodings (``count_tokens.py``, in the environment of
     ``peer_env``).

No LLM is asked. The replies to ``visual_v1`` and ``plausible_v1`` are those of the bundled pack;
to ``contrast_v1`` the pack has none, so they are put together from its phrases about the class.
They are as long as real ones but better behaved: what they cost says something about an LLM, how
many of them are turned down does not. ``--published`` checks what an LLM did write: a JSON file
of class -> phrases, each class as one reply.
"""

import argparse
import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from os.path import commonprefix
from pathlib import Path

from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts.contrast import REPLY_KEY, asked_look_alikes, contrast_requests
from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.plausible import plausible_classes, plausible_requests
from langseg.descriptors.prompts.prompt import load_prompt
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.providers.budget import Budget
from langseg.descriptors.providers.bundled import BundledProvider
from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.descriptors.vocabulary.vocabulary import ClassEntry, Vocabulary
from langseg.pipelines.desc.generate_settings import DescribeConfig
from tests.benchmarks.harness import FOLDER, ROOT, show

PYTHON = ROOT / ".venv-peer/tokens/bin/python"
LOOK_ALIKES = 3
Answered = tuple[Request, str]  # a request and its reply


@dataclass(frozen=True)
class Verdicts:
    """What the validation said of some replies."""

    accepted: int
    dropped: Counter[str]
    turned_down: int  # whole replies


def verdicts_on(answered: Iterable[Answered]) -> Verdicts:
    accepted, turned_down, dropped = 0, 0, Counter[str]()
    for request, text in answered:
        reply = parse_reply(text, request)
        turned_down += reply.status != "ok"
        accepted += sum(not row.rejected for row in reply.rows)
        dropped.update(row.rejected for row in reply.rows if row.rejected)
    return Verdicts(accepted, dropped, turned_down)


def pack_replies(vocabulary: Vocabulary) -> list[Answered]:
    """What the pack answers to every request of the vocabulary, with the default counts."""
    config = DescribeConfig()
    prompt = load_prompt(
        n_attributes=config.attributes,
        n_subclasses=config.subclasses,
        n_per_subclass=config.per_subclass,
        n_scene_attributes=config.scene_attributes,
    )
    requests = describe_requests(vocabulary, prompt, "m", {})
    return asyncio.run(bundled_answers(vocabulary, requests))


def plausible_replies(vocabulary: Vocabulary) -> list[Answered]:
    """The classes that the pack has something to say about, for each scene."""
    names = [entry.name for entry in vocabulary.classes]
    return asyncio.run(
        bundled_answers(vocabulary, plausible_requests(names, vocabulary.scenes, "m", {}))
    )


async def bundled_answers(vocabulary: Vocabulary, requests: Iterable[Request]) -> list[Answered]:
    rows = BundledProvider(vocabulary).answer(requests, Budget())
    return [(request, response.raw_text) async for request, response in rows]


def contrast_replies(vocabulary: Vocabulary, generic: Sequence[Answered]) -> list[Answered]:
    """Each class against the next ones of the list, in phrases that the pack has about it."""
    names = [entry.name for entry in vocabulary.classes]
    after = names + names[:LOOK_ALIKES]
    alike = {name: tuple(after[n + 1 : n + 1 + LOOK_ALIKES]) for n, name in enumerate(names)}
    attributes = {request.class_name: json.loads(text)["attributes"] for request, text in generic}
    made = []
    for request in contrast_requests(vocabulary, alike, "m", {}):
        wanted = json.loads(request.schema_json)["properties"][REPLY_KEY]["maxItems"]
        others = cycle(asked_look_alikes(request.messages_json))
        phrases = attributes[request.class_name][:wanted]
        items = [{"other": o, **phrase} for o, phrase in zip(others, phrases, strict=False)]
        made.append((request, json.dumps({REPLY_KEY: items}, ensure_ascii=False)))
    return made


def published_replies(path: Path) -> list[Answered]:
    """Each class's phrases as the reply to a request for as many."""
    made = []
    for name, phrases in json.loads(path.read_text("utf-8")).items():
        spoken = name.replace("_", " ")
        prompt = load_prompt(
            n_attributes=min(max(len(phrases), 1), 50),
            n_subclasses=0,
            n_per_subclass=1,
            n_scene_attributes=1,
        )
        entry = ClassEntry(name=spoken, id=1)
        alone = Vocabulary(name="one", classes=(entry,), ignore_ids=(), scenes={})
        items = [{"slot": "part", "text": phrase} for phrase in phrases]
        made.append((next(iter(describe_requests(alone, prompt, "m", {}))), {"attributes": items}))
    return [(request, json.dumps(reply)) for request, reply in made]


def count(texts: Sequence[str]) -> dict[str, list[int]]:
    """Encoding -> tokens of each text."""
    program = [str(PYTHON), str(FOLDER / "count_tokens.py")]
    done = subprocess.run(program, input=json.dumps(texts), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    counts: dict[str, list[int]] = json.loads(done.stdout)
    return counts


def prompt_text(request: Request) -> str:
    """What the model reads, without the few tokens that mark a message."""
    return "\n".join(message["content"] for message in json.loads(request.messages_json))


def token_rows(
    name: str, answered: Sequence[Answered], found: int, per: str
) -> list[dict[str, str]]:
    """A row of the table for each encoding; ``found`` things were asked for and accepted."""
    prompts = count([prompt_text(request) for request, _ in answered])
    replies = count([text for _, text in answered])
    schemas = count(sorted({request.schema_json for request, _ in answered}))
    shared = count([commonprefix([prompt_text(request) for request, _ in answered])])
    rows = []
    for encoding in prompts:
        n_prompt, n_reply = sum(prompts[encoding]), sum(replies[encoding])
        rows.append(
            {
                "prompt": name,
                "encoding": encoding,
                "requests": str(len(answered)),
                "prompt tokens": f"{n_prompt / len(answered):.0f}",
                "of them shared": str(shared[encoding][0]),
                "reply tokens": f"{n_reply / len(answered):.0f}",
                "schema tokens": f"{max(schemas[encoding])}",
                "accepted": f"{found} {per}s",
                "tokens for each": f"{(n_prompt + n_reply) / found:.1f}",
                "of them reply": f"{n_reply / found:.1f}",
            }
        )
    return rows


def verdict_row(name: str, answered: Sequence[Answered]) -> dict[str, str]:
    verdicts = verdicts_on(answered)
    reasons = ", ".join(f"{why} {n}" for why, n in verdicts.dropped.most_common())
    return {
        "replies": name,
        "of them turned down": f"{verdicts.turned_down} of {len(answered)}",
        "phrases accepted": str(verdicts.accepted),
        "dropped from the others": f"{verdicts.dropped.total()} ({reasons or 'none'})",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    vocabulary = load_vocabulary("ade20k")
    whole = pack_replies(vocabulary)
    generic = [one for one in whole if one[0].scene == ANY_SCENE]
    scenes = [one for one in whole if one[0].scene != ANY_SCENE]
    contrast, plausible = contrast_replies(vocabulary, generic), plausible_replies(vocabulary)
    sets = {
        "visual_v1, any scene": generic,
        "visual_v1, one scene": scenes,
        "contrast_v1, made up": contrast,
    }
    rows = []
    for name, answered in sets.items():
        rows += token_rows(name, answered, verdicts_on(answered).accepted, "phrase")
    pairs = sum(len(plausible_classes(json.loads(t), r.messages_json)) for r, t in plausible)
    rows += token_rows("plausible_v1", plausible, pairs, "pair")
    show("Tokens", rows)
    published = {path.stem: published_replies(path) for path in args.published}
    show(
        "What the validation turned down",
        [verdict_row(*item) for item in (sets | published).items()],
    )


if __name__ == "__main__":
    main()
