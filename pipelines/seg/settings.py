"""The settings of the commands of `langseg-seg`.

In:  what a person gives, by name.
Out: frozen configurations; torch is not loaded for them.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from langseg.cache.errors import UsageError
from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.shared.settings import ARGUMENT, Settings, load_config
from langseg.segmenter.comparison.reader import Reader
from langseg.segmenter.inference.reading import LEAST_SIDE, Average, Mode, Reading
from langseg.segmenter.robustness.names import CORRUPTIONS, Corruption
from langseg.segmenter.training.config import TrainConfig

DATASETS = (
    "ade20k", "ade20k-full", "camvid", "cityscapes", "coco-panoptic", "coco-stuff", "msrc",
    "pascal-context", "pascal-context-459", "pascal-voc", "pascal-voc-21",
)  # fmt: skip
_COMMAS = BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value)


def _two(value: Any) -> Any:
    numbers = value.split(",") if isinstance(value, str) else value
    if isinstance(numbers, list) and len(numbers) != 2:
        raise PydanticCustomError("window", "LOW,HIGH, such as -160,240")
    return value


def _rising(value: Any) -> Any:
    if value is not None and not value[0] < value[1]:
        raise PydanticCustomError("window", "LOW below HIGH, such as -160,240")
    return value


Window = Annotated[
    tuple[float, float] | None, _COMMAS, BeforeValidator(_two), AfterValidator(_rising)
]
READ_AS = ("colours", "grey_window", "page")  # how files are read, whose dataset it may be
Numbers = Annotated[tuple[int, ...] | None, _COMMAS]  # a flag has commas between them

FEATURES_GIB: Any = Field(
    32,
    gt=0,
    allow_inf_nan=False,
    description="Most that folder may hold; what was used longest ago is dropped.",
)
DEVICE: Any = Field("auto", description="auto, cpu, cuda, cuda:1, mps, ...")
GREY_WINDOW: Any = Field(
    None, description="Values of grey pictures that are black and white: -160,240."
)
PAGE: Any = Field(
    None,
    pattern=r"\d{1,9}|all",
    coerce_numbers_to_str=True,
    description="Which page of TIFFs of several, the first is 0, or all.",
)


class OwnData(Settings):
    """A dataset of one's own, by flags or as the lines of a ``dataset.yaml``."""

    classes: str | None = Field(
        None, description="Own class list, a file, of the pictures in --images."
    )
    images: Path | None = Field(
        None, description="Own pictures: a folder, nested or not, or a zip file."
    )
    labels: Path | None = Field(
        None,
        description="Their labels: index or colour PNGs, YOLO's txt files, or one JSON (COCO, "
        "Label Studio).",
    )
    val_images: Path | None = Field(None, description="Own validation pictures.")
    val_labels: Path | None = Field(None, description="Their labels.")
    val_share: float | None = Field(
        None, gt=0, lt=1, description="Share of --images that is for validation instead."
    )
    colours: Path | None = Field(
        None, description="Which colour each class has in the labels.  [default: the class list]"
    )
    grey_window: Window = GREY_WINDOW
    page: str | None = PAGE

    @model_validator(mode="after")
    def _whole(self) -> Self:
        pairs = (("images", "labels"), ("val_images", "val_labels"))
        for one, other in (*pairs, *((b, a) for a, b in pairs)):
            if getattr(self, one) is not None and getattr(self, other) is None:
                raise ValueError(f"{one}: wanted {other}, too, got none; give --{_flag(other)}")
        if self.val_images is not None and self.val_share is not None:
            raise ValueError("val_share: wanted it or val_images, got both")
        return self


class DataSettings(OwnData):
    """Which labelled pictures: a dataset by name, or one's own."""

    dataset: str | None = Field(
        None,
        description=f"{', '.join(DATASETS)}, or the dataset.yaml of one's own.  [default: ade20k]",
    )
    data: Path | None = Field(
        None, description="The dataset's folder or zip file.  [default: data/<dataset>]"
    )

    @model_validator(mode="after")
    def _one_dataset(self) -> Self:
        given = [
            name
            for name in OwnData.model_fields
            if name not in READ_AS and getattr(self, name) is not None
        ]
        if self.dataset is not None and given:
            raise ValueError(f"dataset: wanted it or {given[0]}, got both")
        if self.dataset is not None and not self.own_file and self.dataset not in DATASETS:
            near = get_close_matches(self.dataset, DATASETS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"dataset {self.dataset!r}: wanted one of {', '.join(DATASETS)} or a .yaml file"
                f"{hint}"
            )
        if self.data is not None and self.data.suffix in (".yaml", ".yml"):
            raise ValueError(
                f"data {str(self.data)!r}: wanted a folder or a zip file, got a YAML file; give it "
                "with --dataset instead"
            )
        is_own = bool(given) or self.own_file is not None
        if is_own and self.data is not None:
            raise ValueError("data: wanted it or pictures of one's own, got both")
        if given and (self.classes is None or self.images is None):
            raise ValueError(
                "images: wanted --classes FILE --images DIR --labels DIR for pictures of one's "
                f"own, got {', '.join(f'--{_flag(name)}' for name in given)} alone"
            )
        return self

    @property
    def own_file(self) -> Path | None:
        """The dataset.yaml, where the dataset is given as one."""
        is_file = self.dataset is not None and self.dataset.endswith((".yaml", ".yml"))
        return Path(str(self.dataset)) if is_file else None

    @property
    def named(self) -> str:
        """The dataset that has a layout here, where no own one is given."""
        return self.dataset or "ade20k"


def _flag(name: str) -> str:
    return name.replace("_", "-")


class RunSettings(DataSettings):
    """What heads are trained with; ``training`` is what is computed."""

    store: Path = Field(DEFAULT_STORE, description="Store whose newest bank is taken.")
    bank: Path | None = Field(None, description="TextBank folder, instead of the store's newest.")
    out: Path = Field(Path("runs/train"), description="Run folder.")
    backbone: str = Field(
        "demo",
        description="A timm plain ViT by name, dinov2-small-offline (`langseg-seg fetch`), or "
        "demo, which ships.  [default: as --config says]",
    )
    weights: Path | None = Field(
        None,
        description="Backbone weights, a .safetensors file with the names of timm, Meta or "
        "transformers.",
    )
    pretrained: bool = Field(False, description="Take the backbone's weights from the hub.")
    revision: str | None = Field(
        None, description="Commit, tag or branch of --pretrained weights.  [default: the newest]"
    )
    taps: Numbers = Field(
        None,
        description="Blocks of the backbone whose maps the head reads, the first is 0: 5,8,11.  "
        "[default: after 1/4, 1/2, 3/4 and all of them]",
    )
    device: str = DEVICE
    workers: int = Field(0, ge=0, description="Processes that read ahead.")
    features: Path | None = Field(
        None,
        description="Folder that frozen features are kept in, for all runs.  "
        "[default: in the user's cache]",
    )
    features_gib: float = FEATURES_GIB
    training: TrainConfig = Field(default_factory=TrainConfig, description="What is computed.")


class TrainSettings(RunSettings):
    """Where a run reads and writes, and what it tells."""

    checkpoint_every: int = Field(500, ge=1, description="Steps between two checkpoints.")
    log_every: int = Field(50, ge=1, description="Steps between two lines of the log.")
    val_every: int = Field(
        0, ge=0,
        description="Steps between two scorings of the validation pictures; 0 leaves them to eval.",
    )  # fmt: skip
    tensorboard: bool = Field(
        False, description="Also log for TensorBoard, in <out>/tensorboard (extra tensorboard)."
    )


TRAIN_SHORTHANDS = {  # flags for settings inside of ``training`` that runs differ in
    "head": "training.head.kind",
    **{name: f"training.{name}" for name in ("steps", "batch_size", "crop", "lr", "seed")},
}


COMPARE_SHORTHANDS = {name: f"training.{name}" for name in ("steps", "batch_size", "crop", "lr")}


class CompareSettings(RunSettings):
    """Which arms are compared, and on how many splits of the classes."""

    out: Path = Field(Path("runs/compare"), description="Folder of the comparison.")
    head: Literal["aligned", "dense"] = Field(
        "aligned", description="Fitted in closed form, seconds; or trained, as --config has it."
    )
    arms: Annotated[tuple[str, ...], _COMMAS] = Field(
        (),
        description="Which arms, by name, beside the real words.  [default: all that `langseg-desc "
        "arms` made; for dense names,templates,named-random,swapped]",
    )
    beside: Annotated[tuple[str, ...], _COMMAS] = Field(
        (),
        description="Train with the pictures of further datasets, too, NAME=DIR or a dataset.yaml, "
        "commas between them. What a split hides is hidden under all their names for it.",
    )
    reader: Reader = Field(
        default_factory=Reader, description="How --head aligned reads patches and words."
    )
    splits: int | None = Field(
        None, ge=1, description="Splits of the classes.  [default: 20; for dense 3]"
    )
    unseen: str | None = Field(
        None,
        description="Hide these classes instead, splits with semicolons between: 'cat,dog;car'.",
    )
    unseen_share: float = Field(
        0.25, gt=0, lt=1, description="Share of the classes that a split hides."
    )
    seeds: int = Field(3, ge=1, description="Trainings of a dense arm on each split.")
    margin: float = Field(
        0.0, ge=0, description="Points that the words must be better by than their control."
    )
    quick: bool = Field(False, description="Few arms and splits, to see how it goes.")
    latex: bool = Field(False, description="One LaTeX table on stdout.")


class AskedWords(Settings):
    """Which trained model looks at pictures, with which words, at which size."""

    checkpoint: Path = Field(Path("runs/train"), description="Run or checkpoint folder.")
    weights: Path | None = Field(
        None,
        description="The backbone's weights, a .safetensors file, where they are not where "
        "training had them.",
    )
    vocabulary: str | None = Field(
        None,
        description="Ask with other words, of what the store holds: names with commas between "
        "them, a class list's file, or the name of a vocabulary.",
    )
    store: Path = Field(DEFAULT_STORE, description="Where --vocabulary is looked up.")
    bank: Path | None = Field(
        None, description="TextBank of another vocabulary of the same text encoder."
    )
    short_side: int | None = Field(
        None,
        ge=LEAST_SIDE,
        description="Short side in pixels.  [default: the side it was trained at]",
    )
    device: str = DEVICE

    @property
    def reading(self) -> Reading:
        """How a picture is read: once, whole."""
        return Reading(short_side=self.short_side)


class AskedModel(AskedWords):
    """Which trained model looks at pictures, with which words, and how."""

    mode: Mode = Field("whole", description="At once, or in windows.")
    window: int | None = Field(
        None, ge=LEAST_SIDE, description="Side of a window of --mode slide.  [default: short side]"
    )
    stride: int | None = Field(
        None,
        ge=4,
        description="From window to window.  [default: evenly, two thirds of one or less]",
    )
    scales: Annotated[tuple[float, ...], _COMMAS] = Field(
        (1.0,),
        description="Read at several sizes, times the short side: 0.5,0.75,1,1.25,1.5,1.75.",
    )
    flip: bool = Field(False, description="Read each in the mirror, too.")
    average: Average = Field(
        "logits", description="What of windows, scales and mirror images is averaged."
    )

    @property
    def reading(self) -> Reading:
        """How a picture is read. Raises: UsageError."""
        return Reading(
            mode=self.mode,
            short_side=self.short_side,
            window=self.window,
            stride=self.stride,
            scales=self.scales,
            flip=self.flip,
            average=self.average,
        )


class EvalSettings(AskedModel, DataSettings):
    """What is scored, against what; ``predictions`` scores stored masks instead of a model."""

    predictions: Path | None = Field(
        None, description="Score stored <stem>.png masks instead of a model."
    )
    split: Literal["train", "val"] = Field("val", description="Which pictures.")
    scenes: Literal["predicted", "label", "none", "wrong"] = Field(
        "predicted",
        description="Who names the scene: the model, the dataset, nobody; wrong: another than the "
        "dataset's.",
    )
    mapping: str | None = Field(
        None,
        description="Score a model on a dataset of other classes: a YAML file that says which of "
        "its classes stand for which, or the name of one that ships, such as ade20k-to-camvid.",
    )
    quick: bool = Field(
        False,
        description="Leave out Boundary IoU, calibration, the anomaly score, and scores by size "
        "and overlap.",
    )
    features: Path | None = Field(
        None,
        description="Folder of kept features to score with, and to add to, as --features of train; "
        "whole pictures only.  [default: the backbone reads every picture]",
    )
    features_gib: float = FEATURES_GIB
    robustness: bool = Field(False, description="Score under all corruptions, too.")
    corruptions: Annotated[tuple[Corruption, ...], _COMMAS] = Field(
        (), description=f"Score under some, too: {','.join(CORRUPTIONS)}."
    )
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], _COMMAS] = Field(
        (1, 3, 5), description="How strong, 1 to 5.  [default: 1,3,5]", min_length=1
    )
    seed: int = Field(0, ge=0, description="Of what is random in a corruption.")
    html: Path | None = Field(None, description="Also write a page, with pictures.")
    latex: bool = Field(False, description="One LaTeX table on stdout.")
    out: Path | None = Field(
        None, description="Folder for the report and each picture's counts.  [default: the run's]"
    )


class DoctorSettings(DataSettings):
    """Which dataset is looked at."""

    split: Literal["train", "val"] | None = Field(
        None, description="One split alone.  [default: those that there are]"
    )


class PredictSettings(AskedModel):
    """Which pictures are segmented, and where the masks go."""

    images: tuple[Path, ...] = Field(
        description="Pictures, folders of them, or globs in quotes.",
        min_length=1,
        json_schema_extra=ARGUMENT,
    )
    out: Path = Field(Path("runs/predict"), description="Folder.")
    scene: str | None = Field(None, description="Name the scene, e.g. kitchen.")
    grey_window: Window = GREY_WINDOW
    page: str | None = PAGE


class ExplainSettings(AskedWords):
    """Which picture is explained, and what it is asked without."""

    image: Path = Field(description="A picture.", json_schema_extra=ARGUMENT)
    out: Path = Field(Path("runs/explain"), description="Folder.")
    scene: str | None = Field(None, description="Name the scene, e.g. kitchen.")
    without_phrase: tuple[str, ...] = Field(
        (), description="Ask again without a phrase, word for word; may be given several times."
    )
    without_class: Annotated[tuple[str, ...], _COMMAS] = Field((), description="Without classes.")
    without_scene: Annotated[tuple[str, ...], _COMMAS] = Field((), description="Without scenes.")
    grey_window: Window = GREY_WINDOW


class FetchSettings(Settings):
    """A backbone whose weights come from no hub."""

    backbone: str = Field(description="dinov2-small-offline.", json_schema_extra=ARGUMENT)


class DemoDataSettings(Settings):
    """A rendered dataset."""

    out: Path = Field(Path("data/demo"), description="Folder to make.")
    seed: int = Field(0, ge=0, description="Other seeds draw other pictures.")
    train: int = Field(240, ge=1, description="Training pictures.")
    val: int = Field(60, ge=1, description="Validation pictures.")
    width: int = Field(256, description="Of a picture, in pixels.")
    height: int = Field(192, description="Of a picture, in pixels.")


Run = TypeVar("Run", bound=RunSettings)


def train_settings(
    config: str | None, flags: Mapping[str, Any], changes: Sequence[str] = ()
) -> TrainSettings:
    """``run_settings`` of `train`."""
    return run_settings(TrainSettings, config, flags, changes)


def compare_settings(
    config: str | None, flags: Mapping[str, Any], changes: Sequence[str] = ()
) -> CompareSettings:
    """``run_settings`` of `compare`."""
    return run_settings(CompareSettings, config, flags, changes)


def run_settings(
    kind: type[Run], config: str | None, flags: Mapping[str, Any], changes: Sequence[str]
) -> Run:
    """Flags and ``--set`` over the named or given file; without one, over the dataset's shipped
    settings, or those of ade20k.

    Raises: UsageError, as ``load_config``, and for a name that is no file and ships not.
    """
    folder = package_files("langseg.segmenter.training").joinpath("configs")
    shipped = folder.joinpath(f"{config or flags.get('dataset')}.yaml")
    if config is None and not shipped.is_file():
        shipped = folder.joinpath("ade20k.yaml")
    given = Path(config) if config and Path(config).is_file() else None
    if given is None and config and not shipped.is_file():
        names = sorted(file.name.removesuffix(".yaml") for file in shipped_configs())
        raise UsageError(
            f"config {config!r}: wanted a file or one of {', '.join(names)}, found neither"
        )
    return load_config(kind, given or Path(str(shipped)), flags, changes)


def shipped_configs() -> list[Path]:
    """Files of the settings that ship."""
    folder = Path(str(package_files("langseg.segmenter.training").joinpath("configs")))
    return sorted(folder.glob("*.yaml"))
