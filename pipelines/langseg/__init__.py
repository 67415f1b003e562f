"""Language-guided semantic segmentation without paying for a language model on every image.

    import langseg

    langseg.describe("ade20k", store="store")  # generate, encode, bank
    langseg.train("runs/own", data="ADEChallengeData2016", store="store")
    model = langseg.load("runs/own")
    result = model.segment("photo.jpg")
    result.overlay().save("out.png")

Every name is loaded when it is first used. What is not here is no part of the public surface and
may change; the commands are `langseg-desc` and `langseg-seg`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langseg.cache.errors import LangSegError
    from langseg.pipelines.api.description import describe
    from langseg.pipelines.api.model import Model, load
    from langseg.pipelines.api.training import evaluate, train
    from langseg.segmenter.inference.segmentation import Segmentation

    __version__: str

__all__ = [
    "LangSegError", "Model", "Segmentation", "__version__", "describe", "evaluate", "load", "train",
]  # fmt: skip
_HOMES = {
    "LangSegError": "langseg.cache.errors",
    "Model": "langseg.pipelines.api.model",
    "Segmentation": "langseg.segmenter.inference.segmentation",
    "describe": "langseg.pipelines.api.description",
    "evaluate": "langseg.pipelines.api.training",
    "load": "langseg.pipelines.api.model",
    "train": "langseg.pipelines.api.training",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("langseg")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'langseg' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
