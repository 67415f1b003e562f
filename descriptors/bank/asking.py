"""Say how the answers of a set were asked for, so that two sets of a vocabulary can be told apart.

In:  requests that have an accepted answer, and when.
Out: for each prompt with its parameters and counts, what it was about and how much it covers.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from langseg.cache.keys import canonical_json
from langseg.cache.records import ANY_SCENE, Request
from langseg.descriptors.prompts.describe import REPLY_KEY
from langseg.descriptors.prompts.plan import REPLY_LIMIT
from langseg.descriptors.prompts.subject import is_contrast, subject_of

About = Literal["classes", "scenes", "look-alikes"]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """One prompt with its parameters (all but the reply limit) and the counts it asks for.

    ``subjects`` of the vocabulary have an answer to it, the last ``at`` an ISO time.
    """

    about: About
    prompt_id: str
    params: Mapping[str, Any]
    counts: Mapping[str, int]
    subjects: int
    at: str

    @property
    def what(self) -> str:
        """``10 phrases, 4 subclasses of 2``; "" where the counts say nothing."""
        words = [f"{self.counts['phrases']} phrases"] if "phrases" in self.counts else []
        if "subclasses" in self.counts:
            words.append(f"{self.counts['subclasses']} subclasses of {self.counts['each']}")
        return ", ".join(words)

    @property
    def identity(self) -> str:
        """Equal for two askings that ask the same of whatever they are about."""
        return canonical_json([self.about, self.prompt_id, self.params, self.counts])


def askings_of(requests: Iterable[Request], at: Mapping[str, str]) -> tuple[Asking, ...]:
    """The askings that requests are of, the one that covers most first; of classes first.

    Args:
        at: request_key -> ISO time of its answer.
    """
    groups: dict[tuple[About, str, str, str], list[Request]] = {}
    for request in requests:
        about = _about(request)
        counts = canonical_json(_counts(request.schema_json)) if about != "look-alikes" else "{}"
        group = about, request.prompt_id, without_limit(request.params_json), counts
        groups.setdefault(group, []).append(request)
    askings = [
        Asking(
            about=about,
            prompt_id=prompt_id,
            params=json.loads(params),
            counts=json.loads(counts),
            subjects=len({subject_of(request) for request in asked}),
            at=max(at[request.request_key] for request in asked),
        )
        for (about, prompt_id, params, counts), asked in groups.items()
    ]
    return tuple(sorted(askings, key=lambda a: (a.about, -a.subjects, a.at, a.identity)))


def _about(request: Request) -> About:
    if is_contrast(request.schema_json):
        return "look-alikes"
    return "classes" if request.scene == ANY_SCENE else "scenes"


@lru_cache(maxsize=64)
def _counts(schema_json: str) -> dict[str, int]:
    """What a schema asks for exactly; of an imported set, nothing."""
    asked = json.loads(schema_json)["properties"]
    phrases = asked.get(REPLY_KEY, {})
    counts = {}
    if phrases.get("minItems") == phrases.get("maxItems") and phrases:
        counts["phrases"] = phrases["maxItems"]
        if "subclasses" in asked:
            counts["subclasses"] = asked["subclasses"]["maxItems"]
            each = asked["subclasses"]["items"]["properties"]["descriptors"]
            counts["each"] = each["maxItems"]
    return counts


@lru_cache(maxsize=64)
def without_limit(params_json: str) -> str:
    """Parameters as JSON, but for the reply limit: a cut reply is asked for with a longer one."""
    params = json.loads(params_json)
    return canonical_json({name: params[name] for name in params if name != REPLY_LIMIT})
