"""The same requests through a distilabel pipeline; run by the Python of ``peer_env``.

In:  request bodies, one JSON object a line; a base URL; how many requests may be under way.
Out: one line of JSON with the number of replies that were parsed, and distilabel's version.

``ChatGeneration`` on ``OpenAILLM``, in batches as large as the concurrency, with the pipeline's
own cache as it comes (on, in a fresh folder). The reply schema goes along by ``extra_body``.
distilabel writes each batch to disk and makes a data set at the end; it does not look at what
the replies hold, so they are parsed here. A batch waits for its slowest reply.
"""

import argparse
import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any


def ask_all(bodies: list[dict[str, Any]], base_url: str, concurrency: int, cache: Path) -> int:
    """Ask for every body. Returns: how many replies were parsed."""
    from distilabel.models import OpenAILLM  # type: ignore[import-not-found]
    from distilabel.pipeline import Pipeline  # type: ignore[import-not-found]
    from distilabel.steps import LoadDataFromDicts  # type: ignore[import-not-found]
    from distilabel.steps.tasks import ChatGeneration  # type: ignore[import-not-found]

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it silences httpx, openai's former one
    sent_by_itself = ("model", "messages")
    extra = {name: value for name, value in bodies[0].items() if name not in sent_by_itself}
    with Pipeline(name="bench", cache_dir=cache) as pipeline:
        load = LoadDataFromDicts(
            data=[{"messages": body["messages"]} for body in bodies], batch_size=concurrency
        )
        llm = OpenAILLM(
            model=bodies[0]["model"],
            base_url=base_url,
            generation_kwargs={"extra_body": extra},
        )
        load >> ChatGeneration(llm=llm, input_batch_size=concurrency)
    rows = pipeline.run()["default"]["train"]
    return sum(isinstance(json.loads(text), dict) for text in rows["generation"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--bodies", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    args = parser.parse_args()
    bodies = [json.loads(line) for line in args.bodies.read_text().splitlines()]
    parsed = ask_all(bodies, args.base_url, args.concurrency, args.scratch / "cache")
    print(json.dumps({"parsed": parsed, "version": version("distilabel")}))


if __name__ == "__main__":
    main()
