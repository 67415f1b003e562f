from pathlib import Path

from langseg.pipelines.seg.predict import PredictedPicture


def picture(classes: dict[str, float], scenes: dict[str, float]) -> PredictedPicture:
    return PredictedPicture(
        image=Path("photo.jpg"), mask=Path("out/photo.png"), overlay=Path("out/overlay_photo.png"),
        classes=classes, scores=dict.fromkeys(classes, 0.9), scenes=scenes,
    )  # fmt: skip


def test_words__name_the_overlay_the_largest_classes_and_the_scene():
    classes = {"wall": 0.6, "floor": 0.39, "cup": 0.006, "book": 0.003, "lamp": 0.001}
    words = picture(classes, {"kitchen": 0.93, "*": 0.05}).words
    assert words == (
        "out/overlay_photo.png: wall 60.0 %, floor 39.0 %, cup 0.6 %, 2 others 0.4 %; "
        "scene kitchen (93 %)"
    )


def test_words__name_no_more_than_six_classes():
    classes = {f"class {number}": 0.125 for number in range(8)}
    assert picture(classes, {}).words.endswith("class 5 12.5 %, 2 others 25.0 %")


def test_words__round_a_share_as_the_legend_beside_them_does():
    words = picture({"wall": 0.98951, "chair": 0.01049, "cup": 0.0002}, {}).words
    assert words.endswith("wall 99.0 %, chair 1.0 %, 1 other < 0.1 %")


def test_words__say_no_scene_where_there_is_none_to_tell():
    assert picture({"wall": 1.0}, {}).words == "out/overlay_photo.png: wall 100.0 %"
    assert picture({"wall": 1.0}, {"*": 1.0}).words == "out/overlay_photo.png: wall 100.0 %"
    unknown = picture({"wall": 1.0}, {"*": 0.8, "kitchen": 0.2})
    assert unknown.words.endswith("; no scene of the bank (80 %)")
