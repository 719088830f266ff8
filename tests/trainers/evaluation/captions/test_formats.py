"""Published captions are read as they were published, and missing or duplicate data are reported in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.errors import DamagedFile, HubError, InvalidRequest
from tests.builders.training import published_benchmarks as published
from trainers.evaluation import BENCHMARKS, get_benchmark
from trainers.evaluation.captions.caption_set import CaptionSet

WRITERS: dict[str, Callable[[Path], Path]] = {
    "multi30k": published.multi30k,
    "mscoco": published.mscoco,
    "xtd10": published.xtd10,
    "crossmodal-3600": published.crossmodal3600,
    "xflickrco": published.xflickrco,
    "flickr30k-200": published.flickr30k_200,
}


def opened(name: str, folder: Path) -> CaptionSet:
    benchmark = get_benchmark(name)
    return benchmark.open(folder, benchmark.splits[0])


@pytest.mark.parametrize(
    ("name", "languages", "language", "first", "image"),
    [
        ("multi30k", ("de", "en"), "de", "ein dog", "dog.jpg"),
        ("mscoco", ("en", "ja", "zh"), "ja", "dogです", "COCO_val2014_000000000000.jpg"),
        ("xtd10", ("en", "ja"), "ja", "dogです", "COCO_val2014_000000000000.jpg"),
        ("crossmodal-3600", ("en", "zh"), "zh", "一个dog", "dog.jpg"),
        ("xflickrco", ("de", "en"), "en", "a dog", "dog.jpg"),
        ("flickr30k-200", ("en", "yo", "zh"), "yo", "ọ̀kan dog", "dog.jpg"),
    ],
)
def test_a_published_format_is_read(
    name: str, languages: tuple[str, ...], language: str, first: str, image: str, tmp_path: Path
) -> None:
    for each in (name, f"{name}-mclip"):
        data = opened(each, WRITERS[name](tmp_path))
        assert data.languages == languages
        assert (data.captions(language)[0].text, data.captions(language)[0].image) == (first, image)
        assert data.images(language)[image].is_file()


def test_every_benchmark_of_retrieval_has_both_protocols_and_a_test() -> None:
    names = {name for name, target in BENCHMARKS.items() if ".captions." in target}
    assert names == {*WRITERS, *(f"{name}-mclip" for name in WRITERS)}


def test_mscoco_is_about_karpathys_test_images_and_coco_cns_own(tmp_path: Path) -> None:
    data = opened("mscoco", published.mscoco(tmp_path))
    assert [len(data.images(tag)) for tag in ("en", "ja", "zh")] == [3, 3, 2]
    assert [len(data.captions(tag)) for tag in ("en", "ja", "zh")] == [6, 3, 4]
    assert not set(data.images("zh")) & set(data.images("en"))


def test_crossmodal_3600_uses_the_first_caption_of_an_image(tmp_path: Path) -> None:
    assert "a second caption" not in [
        caption.text for caption in opened("crossmodal-3600", published.crossmodal3600(tmp_path)).captions("en")
    ]


def test_the_digest_depends_on_the_captions_and_the_bytes_of_the_images(tmp_path: Path) -> None:
    one, other = published.xtd10(tmp_path / "one"), published.xtd10(tmp_path / "other")
    digest = opened("xtd10", one).digest("en")
    assert opened("xtd10", other).digest("en") == digest != opened("xtd10", one).digest("ja")
    published.write_images(other / "images", ["COCO_val2014_000000000003.jpg"])
    assert opened("xtd10", other).digest("en") != digest


def test_captions_of_several_images_are_counted(tmp_path: Path) -> None:
    path = published.xtd10(tmp_path) / "XTD10/test_1kcaptions_en.txt"
    path.write_text(path.read_text().replace("a cat", "a dog"))
    assert opened("xtd10", tmp_path).repeated("en") == 2
    assert opened("xtd10", tmp_path).repeated("ja") == 0
    assert opened("xflickrco", published.xflickrco(tmp_path / "x")).repeated("en") == 0


def read_all(name: str, folder: Path) -> None:
    data = opened(name, folder)
    for language in (*data.languages, "en"):
        data.images(language)


def rewritten(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = next(folder.rglob(name))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def removed(pattern: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.rglob(pattern)).unlink()


@pytest.mark.parametrize(
    ("name", "damage", "error", "message"),
    [
        ("xtd10", removed("COCO_*3.jpg"), InvalidRequest, "1 of 8 images of `xtd10` are missing, such as `COCO_val2014_000000000003.jpg`"),
        ("xtd10", rewritten("test_1kcaptions_en.txt", "a cat\n", ""), InvalidRequest, "`XTD10/test_1kcaptions_en.txt` has 7 lines and `XTD10/test_image_names.txt` 8"),
        ("xtd10", rewritten("test_1kcaptions_en.txt", "a cat\n", "\n"), InvalidRequest, "line 2 of `test_1kcaptions_en.txt` has no caption"),
        ("xtd10", rewritten("test_image_names.txt", "0001.jpg", "0000.jpg"), InvalidRequest, "`COCO_val2014_000000000000.jpg` is listed twice, in lines 1 and 2"),
        ("xtd10", removed("test_1kcaptions_en.txt"), InvalidRequest, "has nothing in `en` here. Available: ja."),
        ("multi30k", removed("*flickr.txt"), InvalidRequest, "there is no file `image_splits/test_2016_flickr.txt`"),
        ("multi30k", lambda folder: next(folder.rglob("*.de.gz")).write_bytes(b"x"), DamagedFile, "`test_2016_flickr.de.gz` cannot be read"),
        ("flickr30k-200", removed("filenames.txt"), InvalidRequest, "there is no file `filenames.txt`"),
        ("crossmodal-3600", rewritten("captions.jsonl", '"a dog"', '""'), InvalidRequest, "line 1, `en`, of `captions.jsonl` has no caption"),
        ("crossmodal-3600", rewritten("captions.jsonl", '"a cat"', '"a cat'), DamagedFile, "line 2"),
        ("xflickrco", rewritten("test.jsonl", "cat.jpg", "dog.jpg"), InvalidRequest, "the image `dog.jpg` is listed twice"),
        ("xflickrco", rewritten("test.jsonl", '"sentences"', '"words"'), InvalidRequest, "line 1 of `test.jsonl` has no caption"),
        ("mscoco", removed("dataset_coco.json"), InvalidRequest, "needs dataset_coco.json, which lists the test images"),
        ("mscoco", rewritten("stair*.json", '"image_id": 0', '"image_id": 9'), DamagedFile, "a caption of image 9, which it does not list"),
        ("mscoco", rewritten("coco-cn_test.txt", "0004", "0009"), InvalidRequest, "1 images of coco-cn_test.txt have no caption"),
        ("mscoco", rewritten("dataset_coco.json", '"images"', '"photos"'), DamagedFile, "`dataset_coco.json` lacks the list `images`"),
    ],
)  # fmt: skip
def test_missing_and_duplicate_data_are_reported_in_one_line(
    name: str, damage: Callable[[Path], None], error: type[HubError], message: str, tmp_path: Path
) -> None:
    damage(WRITERS[name](tmp_path))
    with pytest.raises(error) as caught:
        read_all(name, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_image_is_refused_in_one_line(tmp_path: Path) -> None:
    from trainers.evaluation.data_folder import open_image

    (tmp_path / "x.jpg").write_bytes(b"not an image")
    with pytest.raises(DamagedFile, match="the image `x.jpg` cannot be read"):
        open_image(tmp_path / "x.jpg")


def test_data_that_are_neither_a_folder_nor_a_dataset_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hub.errors import Unreachable
    from trainers.evaluation.data_folder import local_folder

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        Unreachable, match="`somebody/captions` is not a local folder, and cannot be downloaded"
    ) as caught:
        local_folder("somebody/captions")
    assert "\n" not in str(caught.value)
    (tmp_path / "captions.jsonl").touch()
    with pytest.raises(InvalidRequest, match="is a file: pass the folder"):
        local_folder(str(tmp_path / "captions.jsonl"))
