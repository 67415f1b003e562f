"""What anyone would write in ten lines: ``asyncio``, ``AsyncOpenAI`` and a semaphore.

In:  request bodies, one JSON object a line; a base URL; how many requests may be under way.
Out: one line of JSON with the number of replies that were parsed. They are kept in a list: no
     journal, no validation, no retries, no deadline; a crash loses them all.

With ``--raw`` the SDK only sends and receives: its models of the request and the reply are
passed by, as ``langseg-desc generate`` passes them by. That is the harder yardstick.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any


async def ask_all(
    bodies: list[dict[str, Any]], base_url: str, concurrency: int, raw: bool
) -> list[Any]:
    """Ask for every body. Returns: the parsed replies."""
    import httpx2
    from openai import AsyncOpenAI

    places = asyncio.Semaphore(concurrency)
    replies: list[Any] = []

    async def ask(body: dict[str, Any]) -> None:
        async with places:
            if raw:
                got = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
                text = json.loads(got.text)["choices"][0]["message"]["content"]
            else:
                reply = await client.chat.completions.create(**body)
                text = reply.choices[0].message.content or ""
            replies.append(json.loads(text))

    async with AsyncOpenAI(base_url=base_url, max_retries=0) as client:
        await asyncio.gather(*map(ask, bodies))
    return replies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--bodies", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--raw", action="store_true")
    args = parser.parse_args()
    bodies = [json.loads(line) for line in args.bodies.read_text().splitlines()]
    replies = asyncio.run(ask_all(bodies, args.base_url, args.concurrency, args.raw))
    print(json.dumps({"parsed": len(replies)}))


if __name__ == "__main__":
    main()
