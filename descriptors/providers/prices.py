"""What a hosted model costs, as far as somebody has read it and said where and when.

In:  the price table that ships, and a person's own in the same form.
Out: for a model's name its price with source and date; or None, for "unknown", which is not 0.

Prices move and models of one family differ, so a name matches itself and its dated snapshots
only: no price of ``gpt-5`` is ever taken for ``gpt-5-pro``.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from langseg.cache.errors import InputError
from langseg.descriptors.phrases.characters import shown
from langseg.descriptors.providers.budget import Price
from langseg.descriptors.vocabulary.class_list import load_yaml

_TEXTS = ("model", "source")
_NUMBERS = ("prompt", "cached", "completion", "batch")
_KEYS = (*_TEXTS, *_NUMBERS, "dated")
_NEEDED = ("model", "prompt", "completion")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_MAX_FILE_BYTES = 2**20
_PROBLEMS_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class PriceEntry:
    """One line of a table, in US dollars per million tokens.

    ``batch`` is the part of the price that a batch costs, None where nobody has said. ``dated``
    is the ISO date on which ``source`` was read, or "".
    """

    model: str
    prompt: float
    completion: float
    cached: float | None = None
    batch: float | None = None
    dated: str = ""
    source: str = ""

    def price(self, *, batch: bool = False) -> Price | None:
        """What a request costs; None for a batch whose price is unknown."""
        part = self.batch if batch else 1.0
        if part is None:
            return None
        cached = None if self.cached is None else self.cached * part
        return Price(prompt=self.prompt * part, completion=self.completion * part, cached=cached)


class PriceTable:
    """Price entries by model; those of an earlier layer beat those of a later one."""

    def __init__(self, *layers: Mapping[str, PriceEntry]) -> None:
        self._layers = layers

    def entry(self, model: str) -> PriceEntry | None:
        """The entry of the model, or of the family that it is a dated snapshot of."""
        family = _SNAPSHOT.sub("", model)
        for layer in self._layers:
            found = layer.get(model) or layer.get(family)
            if found is not None:
                return found
        return None

    def price(self, model: str, *, batch: bool = False) -> Price | None:
        """What the model costs; None where that is unknown."""
        found = self.entry(model)
        return None if found is None else found.price(batch=batch)


def load_prices(override: Path | None = None, *, shipped: bool = True) -> PriceTable:
    """A person's own table, over the one that ships.

    Args:
        shipped: False for another server than OpenAI's, whose prices are its own.

    Raises: InputError, for a file of one's own that cannot be read, naming every bad entry.
    """
    layers = [] if override is None else [_read(override, str(override))]
    if shipped:
        file = package_files("langseg.descriptors.providers").joinpath("prices.yaml")
        layers.append(_read(file, file.name))
    return PriceTable(*layers)


def _read(file: Path | Traversable, where: str) -> dict[str, PriceEntry]:
    form = f"{where}: wanted a price table (`prices:`, a list with {', '.join(_NEEDED)} in each)"
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise InputError(f"{form} of at most 1 MiB, got more")
        document = load_yaml(data.decode("utf-8-sig"))
    except OSError as exc:
        raise InputError(f"{form}, got {exc.strerror}") from exc
    except (ValueError, yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"{form}, got a mistake{place}; see that it is YAML in UTF-8") from exc
    items = document.get("prices") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise InputError(f"{form}, got no such list")
    entries: dict[str, PriceEntry] = {}
    problems: list[str] = []
    for number, item in enumerate(items, 1):
        found = list(_problems(item, entries))
        problems += [f"entry {number}: {problem}" for problem in found]
        if not found:
            entries[item["model"]] = _entry(item, where)
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        listed = problems[:_PROBLEMS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise InputError(f"{where}: these prices cannot be used: {'; '.join(listed)}")
    return entries


def _problems(item: object, known: Mapping[str, PriceEntry]) -> Iterator[str]:
    if not isinstance(item, dict):
        yield f"wanted `model: ...` and its prices, got {shown(item)}"
        return
    yield from (f"unknown key {shown(key)}" for key in item if key not in _KEYS)
    yield from (f"{key} is missing" for key in _NEEDED if item.get(key) is None)
    for key in _TEXTS:
        value = item.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            yield f"{key}: wanted text, got {shown(value)} (put it in quotes)"
    for key in _NUMBERS:
        value, most = item.get(key), 1.0 if key == "batch" else sys.float_info.max
        if value is not None and not _is_amount(value, most):
            wanted = "a part from 0 to 1" if key == "batch" else "US dollars, 0 or more,"
            yield f"{key}: wanted {wanted} as a number, got {shown(value)}"
    if item.get("dated") is not None and not _iso_date(item["dated"]):
        yield f"dated: wanted a day as 2026-11-21, got {shown(item['dated'])}"
    if isinstance(item.get("model"), str) and item["model"] in known:
        yield f"{shown(item['model'])} is there twice"


def _is_amount(value: object, most: float) -> bool:
    """A number from 0 to ``most``, which nan and infinity are not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 <= value <= most


def _iso_date(value: object) -> str:
    """The day as YYYY-MM-DD, or ``""`` for anything that is none; YAML reads some by itself."""
    try:
        return date.fromisoformat(str(value)).isoformat() if isinstance(value, (str, date)) else ""
    except ValueError:
        return ""


def _entry(item: Mapping[str, object], where: str) -> PriceEntry:
    numbers = {key: float(str(item[key])) for key in _NUMBERS if item.get(key) is not None}
    return PriceEntry(
        model=str(item["model"]),
        prompt=numbers["prompt"],
        completion=numbers["completion"],
        cached=numbers.get("cached"),
        batch=numbers.get("batch"),
        dated=_iso_date(item.get("dated")),
        source=str(item.get("source") or where),
    )
