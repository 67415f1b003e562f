"""Where a class looks otherwise in another scene, being told the scene helps, and a lie harms."""

from itertools import pairwise
from pathlib import Path

import pytest

from langseg.cache.bank.load_save import load_bank
from tests.pipelines.conftest import Call
from tests.support.scene_world import LOOKS, SceneWorld, tell, write_scene_world

pytestmark = pytest.mark.slow

TEXTS = {
    "kitchen": "a narrow kitchen with a gas stove, where somebody is cooking dinner",
    "bedroom": "a quiet room to sleep in with an unmade bed under the window",
}


def words(world: SceneWorld) -> tuple[object, ...]:
    return "--classes", world.classes, "--store", world.classes.parent / "store"


def pictures(world: SceneWorld) -> tuple[object, ...]:
    return (
        "--classes", world.classes, "--images", world.images, "--labels", world.labels,
        "--val-images", world.val_images, "--val-labels", world.val_labels,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


def miou(call: Call, world: SceneWorld, scenes: str, *more: object) -> float:
    run = world.classes.parent / "run"
    out = ("--out", world.classes.parent / "scores")
    done = call(
        "langseg-seg", "eval", "--checkpoint", run, *pictures(world), "--scenes", scenes,
        "--quick", "--json", *out, *more,
    )  # fmt: skip
    assert done.code == 0, done.err
    return float(done.json["miou"])


def test_scene__that_is_told_beats_a_predicted_one_none_and_a_lie(call, folder):
    world = write_scene_world(folder / "world", train=32, val=16)
    here = folder / "world"
    assert call("langseg-desc", "import", world.descriptors, *words(world)).code == 0
    assert call("langseg-desc", "encode", *words(world)).code == 0
    assert call("langseg-desc", "bank", *words(world)).code == 0
    done = call(
        "langseg-seg", "train", "--config", "demo", *pictures(world), "--store", here / "store",
        "--features", here / "features", "--out", here / "run", "--steps", "100",
        "--set", "training.feature_side=128", "--set", "training.warmup_steps=20",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = {how: miou(call, world, how) for how in ("label", "predicted", "none", "wrong")}

    texts = [flag for text in TEXTS.values() for flag in ("--scene-text", text)]
    made = call("langseg-desc", "bank", *words(world), *texts)
    assert "read as kitchen" in made.err
    assert load_bank(Path(made.out.strip())).scenes == ("*", *LOOKS, *TEXTS.values())
    bank = ("--bank", made.out.strip())
    tell(world.val_images, [tuple(TEXTS.values())[number % 2] for number in range(16)])
    found["free text"] = miou(call, world, "label", *bank)
    points = [100 * found[how] for how in ("label", "predicted", "none", "wrong")]
    assert points[0] > 90
    assert all(higher > lower + 5 for higher, lower in pairwise(points))
    assert found["free text"] == pytest.approx(found["label"], abs=0.02)
