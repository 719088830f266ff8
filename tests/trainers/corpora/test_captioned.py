"""Captioned corpora: every layout gives the same rows, problems are counted, and too many are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hub.cli.commands import as_command
from hub.errors import DamagedFile, HubError, InvalidRequest, UnknownCorpus, Unreachable
from hub.local import LocalHub
from tests.builders.training.captions import CAPTIONS, COLUMNS, LAYOUTS, as_folder, as_shards, image, opened
from trainers.cli import train
from trainers.corpora import open_corpus
from trainers.corpora.columns import Columns
from trainers.evaluation.evaluator import EvaluationSubject, EvaluationTask, make_score


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_the_same_captions_and_images(layout: str, tmp_path: Path) -> None:
    images = [image(number) for number in range(len(CAPTIONS))]
    corpus = opened(LAYOUTS[layout](tmp_path / "own", CAPTIONS, images))
    assert corpus.languages == ("en", "yo")
    texts = {(each.text, each.meaning) for each in corpus.examples("yo")}
    texts |= {(each.text, each.meaning) for each in corpus.prompts("yo", "held-out")}
    translated = {("ajá", "dog"), ("ológbò", "cat")} | {(f"ìràwọ̀ {n}", f"star {n}") for n in range(40)}
    assert texts - {("òṣùpá", "")} == translated, "the row without English is native; it may be held out"
    (cat,) = [each for each in corpus.gallery("seen") + corpus.gallery("held-out") if each.text == "cat"]
    found = corpus.images([cat.concept])
    assert found.shape == (1, 3, 16, 16)
    assert found[0, :, 8, 8].tolist() == [5, 100, 250]
    assert corpus.report() == [
        f"own: 46 images ({len(corpus.gallery('held-out'))} held out); 1 without English, 0 without an image.",
        "own: en: 45 captions; 1 missing or empty, 0 duplicates left out.",
        "own: yo: 43 captions; 2 missing or empty, 1 duplicates left out, 1 native.",
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_of_links_as_in_the_cache_of_hugging_face_is_read_like_any_other(layout: str, tmp_path: Path) -> None:
    images = [image(number) for number in range(len(CAPTIONS))]
    plain = LAYOUTS[layout](tmp_path / "own", CAPTIONS, images)
    blobs, snapshot = tmp_path / "cache" / "blobs", tmp_path / "cache" / "snapshots" / "own"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(plain.iterdir())):
        (blobs / f"{number:064x}").write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(Path("..", "..", "blobs", f"{number:064x}"))
    expected, found = opened(plain), opened(snapshot)
    assert found.report() == expected.report()
    concepts = [each.concept for each in expected.gallery("seen")]
    assert torch.equal(found.images(concepts), expected.images(concepts))


def test_held_out_images_are_not_trained_on_and_the_choice_does_not_change_when_rows_are_added(tmp_path: Path) -> None:
    images = [image(number) for number in range(len(CAPTIONS))]
    whole = opened(as_folder(tmp_path / "own", CAPTIONS, images))
    held_out = {each.concept for each in whole.gallery("held-out")}
    assert 3 <= len(held_out) <= 20
    for language in ("en", "yo"):
        assert not held_out & {each.concept for each in whole.examples(language)}
    (tmp_path / "again").mkdir()
    fewer = opened(as_folder(tmp_path / "again" / "own", CAPTIONS[:20], images[:20]))
    assert {each.concept for each in fewer.gallery("held-out")} == {key for key in held_out if int(key[4:-4]) < 20}
    assert fewer.digest != whole.digest


def test_few_unreadable_images_are_left_out_and_counted(tmp_path: Path) -> None:
    captions = [{"caption_en": f"star {n}", "caption_yo": f"ìràwọ̀ {n}"} for n in range(120)]
    images = [image(n % 50, (8, 8)) for n in range(120)]
    images[7] = images[7][:30]
    corpus = opened(as_folder(tmp_path / "own", captions, images))
    assert not corpus.unreadable, "no image was read"
    found = corpus.images(["own/6.png", "own/7.png"])
    assert found[0].any()
    assert not found[1].any()
    assert corpus.unreadable == opened(tmp_path / "own").unreadable == {"own/7.png"}
    images[8] = b"no image"
    shards = opened(as_shards(tmp_path / "own2", captions, images))
    with pytest.raises(
        DamagedFile, match=r"2 of 120 images of `own2` cannot be read, such as 00000.tar/00007: .*up to 1%"
    ) as caught:
        shards.images([f"00000.tar/{n:05}" for n in range(120)])
    assert caught.value.exit_code == 1


def test_a_caption_of_a_held_out_image_is_not_trained_on_with_another_image(tmp_path: Path) -> None:
    captions = [{"caption_en": "the same", "caption_yo": f"ìràwọ̀ {n}"} for n in range(40)]
    corpus = opened(as_folder(tmp_path / "own", captions, [image(n) for n in range(40)]))
    assert corpus.gallery("held-out")
    assert [*corpus.examples("en")] == []


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (Columns(), InvalidRequest, "missing caption columns of"),
        (Columns("", (("yo", "caption_yo"),)), InvalidRequest, "--caption-column en=caption_en"),
        (
            Columns("", (("en", "title"),)),
            InvalidRequest,
            "no column `title` in `own`; its columns are file_name, caption_en",
        ),
        (Columns("jpg", (("en", "caption_en"),)), InvalidRequest, "no column `jpg` in line 1 of metadata.jsonl"),
        (Columns("", (("en", "caption_en"), ("sw", "caption_sw"))), InvalidRequest, "missing for `sw`: all 3 rows"),
    ],
)
def test_wrong_columns_are_refused_in_one_line(
    columns: Columns, error: type[HubError], message: str, tmp_path: Path
) -> None:
    captions = [{"caption_en": f"star {n}", "caption_yo": "", "caption_sw": " "} for n in range(3)]
    place = as_folder(tmp_path / "own", captions, [image(n) for n in range(3)])
    with pytest.raises(error, match=message) as caught:
        opened(place, columns)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_places_that_are_not_a_corpus_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequest, match="there are no captions in"):
        opened(tmp_path)
    with pytest.raises(UnknownCorpus, match="Did you mean `emoji`"):
        open_corpus("emojis", COLUMNS)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match=r"`somebody/captions` is not a local folder or file"):
        open_corpus("somebody/captions", COLUMNS)
    with pytest.raises(InvalidRequest, match="write LANGUAGE=COLUMN"):
        Columns.parse("", ["caption_yo"], 0.1)
    with pytest.raises(InvalidRequest, match="one caption column for each language"):
        Columns.parse("", ["yo=caption_yo", "Yoruba=caption"], 0.1)
    assert Columns.parse("", ["Yoruba=caption_yo"], 0.1).captions == (("yo", "caption_yo"),)


def test_an_image_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    place = as_folder(tmp_path / "own", CAPTIONS[:1], [image(0)])
    for name in ("../../secret.png", "a/../../secret.png", str(tmp_path / "own" / "0.png"), ".."):
        (place / "metadata.jsonl").write_text(json.dumps({"file_name": name, **CAPTIONS[0]}))
        with pytest.raises(InvalidRequest, match="outside its folder"):
            opened(place)


def test_a_module_is_trained_on_user_images_from_the_command_line(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captions = [{"title": word, "yo": yoruba} for word, yoruba in (("dog", "ajá"), ("cat", "ológbò"), ("fish", "ẹja"))]
    place = as_folder(tmp_path / "own", captions, [image(n) for n in range(3)])
    arguments = ["mulan", "--lang", "yo", "--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", str(place)]
    arguments += ["--caption-column", "en=title", "--caption-column", "yo=yo", "--held-out-share", "0"]
    arguments += ["--steps", "4", "--device", "cpu", "--no-evaluate", "--json"]
    as_command("train", train).main(args=arguments, standalone_mode=False)
    outcome = json.loads(capsys.readouterr().out)
    assert torch.isfinite(torch.tensor(list(outcome["losses"]["denoise"].values()))).all()
    config = json.loads((Path(outcome["folder"]) / "tiny-sd" / "config.json").read_text())
    assert config["run"]["corpus"]["name"] == "own"
    assert config["run"]["order"]["columns"]["captions"] == [["en", "title"], ["yo", "yo"]]


def test_a_score_names_the_corpus_by_the_given_path_and_its_columns(tmp_path: Path) -> None:
    captions = [{"title": word, "yo": yoruba} for word, yoruba in (("dog", "ajá"), ("cat", "ológbò"))]
    columns = Columns.parse("", ["en=title", "yo=yo"], 0.0)
    folder = as_folder(tmp_path / "my images", captions, [image(n) for n in range(2)])
    corpus = opened(folder, columns)
    question = EvaluationTask(corpus, "seen", "yo", hub=None)
    score = make_score(
        "r_precision_at_1", 0.5, "emoji-generation", EvaluationSubject("mulan-yo", base="tiny-sd"), question
    )
    options = f"--corpus '{folder}' --caption-column en=title --caption-column yo=yo --held-out-share 0.0;"
    assert options in score.source
