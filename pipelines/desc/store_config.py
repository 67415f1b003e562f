"""The settings of commands that are about a store and nothing in it.

In:  what a person gives, by name.
Out: a ``StoreConfig``, frozen.
"""

from pathlib import Path

from pydantic import Field

from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.shared.settings import Settings


class StoreConfig(Settings):
    """Which store."""

    store: Path = Field(DEFAULT_STORE, description="Store.")
