import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.registry import find_samples
from langseg.segmenter.demo_world.canvas import Camera, Canvas, level, sideways, upright
from langseg.segmenter.demo_world.dataset import render_demo_dataset
from langseg.segmenter.demo_world.looks import ADE_IDS, LOOKS, SCENES
from langseg.segmenter.demo_world.scenes import render_picture

SIZE = (128, 96)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "data"
    render_demo_dataset(out, seed=5, n_train=24, n_val=16, size=SIZE)
    return out


def ids_in(demo: Path, split: str) -> dict[str, set[int]]:
    files = (demo / "annotations" / split).glob("*.png")
    return {file.stem: set(np.unique(np.asarray(Image.open(file))).tolist()) for file in files}


def looks_of(demo: Path) -> dict[str, dict[str, list[str]]]:
    lines = (demo / "looks.jsonl").read_text().splitlines()
    return {line["stem"]: line["looks"] for line in map(json.loads, lines)}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.mark.slow
def test_render_demo_dataset__gives_the_same_bytes_for_the_same_parameters(tmp_path):
    for name in ("one", "two"):
        render_demo_dataset(tmp_path / name, seed=9, n_train=8, n_val=2, size=SIZE)
    one = bytes_of(tmp_path / "one")
    assert one == bytes_of(tmp_path / "two")
    assert len(one) == 2 * 10 + 3


def test_render_demo_dataset__gives_other_pictures_for_another_seed():
    one, other = (render_picture(seed, "training", 4, SIZE).rgb for seed in (0, 1))
    assert np.abs(one.astype(int) - other).mean() > 10


@pytest.mark.slow
def test_render_demo_dataset__writes_only_ade20k_ids_of_declared_classes(demo):
    for split in ("training", "validation"):
        for ids in ids_in(demo, split).values():
            assert ids - {0} <= set(ADE_IDS.values())


@pytest.mark.parametrize("split", ["training", "validation"])
def test_render_demo_dataset__has_most_classes_and_all_scenes_in_each_split(demo, split):
    assert len(set().union(*ids_in(demo, split).values()) - {0}) >= 30
    lines = (demo / "sceneCategories.txt").read_text().splitlines()
    mine = "ADE_train" if split == "training" else "ADE_val"
    scenes = {line.split()[1] for line in lines if line.startswith(mine)}
    assert scenes == {scene.replace(" ", "_") for scene in SCENES}


def test_render_demo_dataset__labels_nearly_every_pixel(demo):
    files = list((demo / "annotations").rglob("*.png"))
    unlabelled = np.mean([np.mean(np.asarray(Image.open(file)) == 0) for file in files])
    assert len(files) == 40
    assert unlabelled < 0.01


def test_render_demo_dataset__names_the_looks_of_exactly_the_classes_in_sight(demo):
    looks = looks_of(demo)
    ids_by_stem = ids_in(demo, "training") | ids_in(demo, "validation")
    assert looks.keys() == ids_by_stem.keys()
    for stem, classes in looks.items():
        assert {ADE_IDS[name] for name in classes} == ids_by_stem[stem] - {0}
        for name, drawn in classes.items():
            assert drawn
            assert set(drawn) <= set(LOOKS[name])


def test_render_demo_dataset__shares_no_picture_between_the_splits(demo):
    train, val = (
        {file.read_bytes() for file in (demo / "annotations" / split).iterdir()}
        for split in ("training", "validation")
    )
    assert (len(train), len(val)) == (24, 16)
    assert not train & val


def test_render_demo_dataset__can_be_read_as_ade20k(demo):
    rule = LabelRule(range(1, 151), (0, 255))
    samples = find_samples("ade20k", demo, "val")
    assert [sample.scene for sample in samples[:8]] == list(SCENES)
    files = [sample.labels for sample in samples if sample.labels is not None]
    assert {rule.read(file).shape for file in files} == {SIZE[::-1]}


def test_render_demo_dataset__leaves_a_finished_dataset_alone(demo):
    before, drawn = bytes_of(demo), []
    render_demo_dataset(
        demo, 5, 24, 16, SIZE, on_progress=lambda phase, done, total: drawn.append(done)
    )
    assert drawn == []
    assert bytes_of(demo) == before


def test_render_demo_dataset__reports_each_picture(tmp_path):
    seen: list[tuple[str, int, int]] = []
    out = tmp_path / "new" / "data"
    render_demo_dataset(out, 1, 2, 1, SIZE, on_progress=lambda *told: seen.append(told))
    assert seen == [("rendering", done, 3) for done in (1, 2, 3)]


def test_render_demo_dataset__refuses_a_dataset_made_with_other_parameters(demo):
    with pytest.raises(InputError, match="name another folder"):
        render_demo_dataset(demo, seed=6, n_train=24, n_val=16, size=SIZE)


def test_render_demo_dataset__refuses_a_folder_with_other_files_and_keeps_them(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="no demo dataset"):
        render_demo_dataset(tmp_path, n_train=1, n_val=0, size=SIZE)
    assert bytes_of(tmp_path) == {"thesis.txt": b"mine"}


def test_render_demo_dataset__fills_an_empty_folder(tmp_path):
    render_demo_dataset(tmp_path, n_train=1, n_val=0, size=SIZE)
    assert (tmp_path / "images" / "training" / "ADE_train_00000001.jpg").is_file()


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"n_train": -1}, {"size": (16, 96)}])
def test_render_demo_dataset__refuses_parameters_that_make_no_dataset(tmp_path, wrong):
    with pytest.raises(InputError, match="choose"):
        render_demo_dataset(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_render_demo_dataset__leaves_nothing_behind_when_it_is_stopped(tmp_path):
    def stop(phase: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_demo_dataset(tmp_path / "out", n_train=2, n_val=0, size=SIZE, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_render_picture__draws_the_same_scene_at_any_size():
    small, large = (render_picture(0, "training", 2, size) for size in (SIZE, (256, 192)))
    agree = np.mean(small.labels == large.labels[::2, ::2])
    assert agree > 0.95


def empty_canvas() -> Canvas:
    camera = Camera(focal=200, centre_x=128, horizon_y=96, eye=1.5)
    return Canvas((256, 192), camera, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("plane", "point"),
    [
        (upright(0.5, 0.2, 4.0), (0.3, 0.4)),
        (level(0.3), (0.7, 4.0)),
        (sideways(-1.1), (4.0, 0.9)),
    ],
)
def test_canvas__hands_paint_the_plane_coordinates_of_each_pixel(plane, point):
    canvas, seen = empty_canvas(), []
    u, v = point

    def paint(us, vs, px):
        seen.append((us, vs))
        return np.zeros((*us.shape, 3), np.float32)

    corners = [(u - 0.1, v - 0.1), (u + 0.1, v - 0.1), (u + 0.1, v + 0.1), (u - 0.1, v + 0.1)]
    canvas.fill(canvas.thing("wall", "brick wall"), plane, [corners], paint)
    us, vs = seen[0]
    nearest = np.unravel_index(np.argmin((us - u) ** 2 + (vs - v) ** 2), us.shape)
    x, y = canvas.camera.project(plane.at(float(us[nearest]), float(vs[nearest])))
    assert abs(us[nearest] - u) < 0.06
    assert abs(vs[nearest] - v) < 0.06
    assert (x % 1, y % 1) == pytest.approx((0.5, 0.5), abs=1e-3)


def test_canvas__counts_a_thing_that_is_painted_over_as_out_of_sight():
    canvas, square = empty_canvas(), [(-1.0, 0.5), (1.0, 0.5), (1.0, 2.0), (-1.0, 2.0)]
    for name, look in (("bed", "bunk bed"), ("sofa", "leather sofa")):
        canvas.fill(canvas.thing(name, look), upright(0, 0, 4), [square], (90, 60, 40))
    assert canvas.looks() == {"sofa": ["leather sofa"]}
    assert set(np.unique(canvas.labels())) == {0, ADE_IDS["sofa"]}


def test_canvas__refuses_a_look_that_is_not_declared():
    with pytest.raises(KeyError, match="not a look"):
        empty_canvas().thing("bed", "waterbed")
