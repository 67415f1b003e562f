"""Generate with vLLM in a process of its own, to be killed: MODEL STORE."""

import sys
from pathlib import Path

from langseg.cache.store import Store
from langseg.descriptors.generate import generate
from langseg.descriptors.plan import Plan, plan_of
from langseg.descriptors.vllm_provider import VLLMProvider
from tests.vllm.asking import GOOD_SCHEMA, things
from tests.vllm.tiny_llama import ENGINE

THINGS, CHUNK = 200, 4


def plan(model: str) -> Plan:
    requests = things(THINGS, model, schema=GOOD_SCHEMA)
    return plan_of(lambda: iter(requests))


def main(model: str, store: str) -> None:
    provider = VLLMProvider(model, chunk=CHUNK, engine=ENGINE)
    generate([plan(model)], provider, Store.open(Path(store), create=True))


if __name__ == "__main__":  # the engine's own processes import this module
    main(*sys.argv[1:])
