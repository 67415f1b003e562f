"""The same requests through bespokelabs-curator; run by the Python of ``peer_env``.

In:  request bodies, one JSON object a line; a base URL; how many requests may be under way.
Out: one line of JSON with the number of replies that were parsed, and curator's version.

``curator.LLM`` on its own ``openai`` backend (aiohttp, not the SDK), its limits a minute set out
of reach, its cache as it comes (on, in a fresh folder), its progress display and telemetry off.
curator appends each response to a JSON Lines file, which it can resume from, without waiting for
the disk; it counts tokens with tiktoken before it asks. What the replies hold is parsed by the
``parse`` hook here, after all have come; nothing is validated.
"""

import argparse
import json
import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

OUT_OF_REACH = 10**9


def ask_all(bodies: list[dict[str, Any]], base_url: str, concurrency: int, cache: Path) -> int:
    """Ask for every body. Returns: how many replies were parsed."""
    os.environ |= {
        "CURATOR_CACHE_DIR": str(cache),
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "TELEMETRY_ENABLED": "0",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it fetches one at its import
    }
    import_module("litellm.litellm_core_utils.default_encoding")  # has tiktoken's file: no network
    from bespokelabs import curator  # type: ignore[import-not-found]

    class Asker(curator.LLM):  # type: ignore[misc]
        def prompt(self, row: dict[str, Any]) -> Any:
            return row["messages"]

        def parse(self, row: dict[str, Any], response: Any) -> dict[str, Any]:
            reply = response if isinstance(response, dict) else json.loads(response)
            return {"parsed": isinstance(reply, dict)}

    sent_by_itself = ("model", "messages")
    extra = {name: value for name, value in bodies[0].items() if name not in sent_by_itself}
    asker = Asker(
        model_name=bodies[0]["model"],
        backend="openai",
        backend_params={
            "base_url": base_url,
            "max_requests_per_minute": OUT_OF_REACH,
            "max_tokens_per_minute": OUT_OF_REACH,
            "max_concurrent_requests": concurrency,
        },
        generation_params=extra,
    )
    rows = asker([{"messages": body["messages"]} for body in bodies])
    return sum((rows.dataset if hasattr(rows, "dataset") else rows)["parsed"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--bodies", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    args = parser.parse_args()
    bodies = [json.loads(line) for line in args.bodies.read_text().splitlines()]
    parsed = ask_all(bodies, args.base_url, args.concurrency, args.scratch / "cache")
    print(json.dumps({"parsed": parsed, "version": version("bespokelabs-curator")}))


if __name__ == "__main__":
    main()
