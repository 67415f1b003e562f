"""Count tokens with OpenAI's two byte-pair encodings; run by the Python of ``peer_env``.

In:  texts on stdin, as one JSON list.
Out: ``{"cl100k_base": [counts], "o200k_base": [counts]}`` on stdout.

tiktoken would fetch the vocabularies; litellm's wheel carries them, under the names that tiktoken
looks for, so the package index is enough. Only the files are used: litellm is not imported.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

ENCODINGS = ("cl100k_base", "o200k_base")


def main() -> None:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    files = Path(spec.origin).parent / "litellm_core_utils/tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(files)
    import tiktoken  # type: ignore[import-not-found]

    texts = json.load(sys.stdin)
    counts = {}
    for name in ENCODINGS:
        encoding = tiktoken.get_encoding(name)
        counts[name] = [len(encoding.encode(text, disallowed_special=())) for text in texts]
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
