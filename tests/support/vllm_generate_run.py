"""Generate with vLLM in a process of its own, to be killed: MODEL STORE."""

import sys
from pathlib import Path

from langseg.cache.store.store import Store
from langseg.descriptors.generation.run import generate
from langseg.descriptors.prompts.plan import Plan, plan_of
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.tiny_llama import ENGINE
from tests.support.vllm_requests import GOOD_SCHEMA, things

THINGS, CHUNK = 800, 4  # many: a fast machine must not be done before the signal reaches it


def plan(model: str) -> Plan:
    requests = things(THINGS, model, schema=GOOD_SCHEMA)
    return plan_of(lambda: iter(requests))


def main(model: str, store: str) -> None:
    provider = VLLMProvider(model, chunk=CHUNK, engine=ENGINE)
    generate([plan(model)], provider, Store.open(Path(store), create=True))


if __name__ == "__main__":  # the engine's own processes import this module
    main(*sys.argv[1:])
