import json
from dataclasses import replace

import pytest
import yaml
from huggingface_hub import ModelCard

from hub.cards import describe, read_card, read_variant, write_card
from hub.cards.licenses import Terms, commercial_use_of, parse_license
from hub.cards.score_rules import SPLIT_SIZES
from hub.errors import InvalidCard
from hub.names import ArtifactName
from hub.conditioning import Conditioning
from hub.records import Pin, Provenance, Upstream, Wheel
from tests.builders.artifacts import BASE_DIGEST, a_card, a_folder, a_score, a_variant_config

NAME = ArtifactName("local", "mulan-yo")
WHEEL = Wheel(name="some_e5-1.0-py3-none-any.whl", digest="b" * 64, file="some_e5/model.bin", file_digest="c" * 64)
WITH_WHEEL = "language: yo\nlicense: mit\nlinguahub: {{kind: encoder, summary: s, upstream: [{{repository: a/b, file: c, wheel: {}}}]}}"
SCORES = (
    a_score(0.7041015625),
    a_score(1e-05, metric="r_precision_at_10", seed=7),
    a_score(41.0, metric="fid", better="down", language="", split="", low=None, high=None, sample_size=None),
    a_score(0.1, provenance=Provenance.DISPUTED, source="A, table 3", reason="The \"test\" split: it's seen in training."),
    a_score(12.5, metric="seconds", unit="s", provenance=Provenance.REPORTED, source="B, https://example.org/b", base=""),
    a_score(0.2, language="no", split="pairs"),
)  # fmt: skip


def front_matter(**changes):
    ours = {"kind": "adapter", "summary": "Yoruba for emoji-sd.", **changes.pop("linguahub", {})}
    return {"language": "yo", "license": "apache-2.0", "linguahub": ours, **changes}


def written(path, content, prose="Prose."):
    text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True)
    path.mkdir(exist_ok=True)
    (path / "README.md").write_text(f"---\n{text}\n---\n\n{prose}\n", encoding="utf-8")
    return path


def test_a_card_read_back_is_the_card_that_was_written(tmp_path):
    card = a_card(
        languages=("yo", "no", "zh-Hant", "en"),
        license="creativeml-openrail-m",
        summary="Ìròyìn: prompts, “quoted”",
        scores=SCORES,
        conditioning=Conditioning(width=768, length=77, pooled_width=1280, mask=True),
        upstream=(
            Upstream(repository="a/b", file="c/d.safetensors", size_bytes=3, digest="a" * 64),
            Upstream(repository="a/b", file="e"),
            Upstream(repository="a/b", file="f", wheel=WHEEL),
        ),
        owner="someone",
        aliases=("SD 1.5", "runwayml/stable-diffusion-v1-5"),
        trained_languages=("en",),
        prose="# Ẹ káàbọ̀\n\nTwo lines.\n\n---\n\nand a rule.",
    )
    write_card(card, tmp_path)
    assert read_card(tmp_path, NAME) == card


def test_writing_a_card_that_was_read_changes_no_byte(tmp_path):
    write_card(a_card(scores=SCORES), tmp_path)
    before = (tmp_path / "README.md").read_bytes()
    write_card(read_card(tmp_path, NAME), tmp_path)
    assert (tmp_path / "README.md").read_bytes() == before


def test_hugging_faces_own_reader_understands_the_card(tmp_path):
    write_card(a_card(scores=SCORES), tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.language == "yo"
    assert card.data.license == "apache-2.0"
    assert card.data.base_model == ["emoji-sd"]
    assert {(each.metric_type, each.metric_value) for each in card.data.eval_results} == {
        (each.metric, each.value) for each in SCORES
    }


def test_keys_that_are_not_ours_survive_rewriting(tmp_path):
    written(tmp_path, front_matter(datasets=["emoji"], widget=[{"text": "ajá"}]))
    write_card(read_card(tmp_path, NAME), tmp_path)
    kept = ModelCard.load(tmp_path / "README.md").data
    assert kept.datasets == ["emoji"]
    assert kept.widget == [{"text": "ajá"}]


def test_a_result_in_a_card_of_another_library_counts_as_reported(tmp_path):
    result = {
        "task": {"type": "text-to-image"},
        "dataset": {"type": "xtd10", "name": "XTD-10", "config": "yo"},
        "metrics": [{"type": "recall_at_10", "value": 0.9}],
        "source": {"name": "The paper", "url": "https://example.org"},
    }
    written(tmp_path, front_matter(**{"model-index": [{"name": "x", "results": [result]}]}))
    (score,) = read_card(tmp_path, NAME).scores
    assert score.provenance is Provenance.REPORTED
    assert score.source == "The paper https://example.org"
    assert (score.benchmark, score.language, score.value) == ("xtd10", "yo", 0.9)


def test_measured_in_a_card_is_self_reported_and_reproduced_is_refused(tmp_path):
    write_card(a_card(scores=(a_score(0.84),)), tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "provenance: measured" in text
    assert [score.provenance for score in read_card(tmp_path, NAME).scores] == [Provenance.SELF_REPORTED]
    (tmp_path / "README.md").write_text(text.replace("provenance: measured", "provenance: reproduced"))
    with pytest.raises(InvalidCard, match="a card cannot claim `reproduced`"):
        read_card(tmp_path, NAME)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"low": 0.6}, "the value 0.5 is outside its interval, 0.6 to 0.55"),
        ({"high": 0.4, "low": None}, "the value 0.5 is outside its interval, ? to 0.4"),
        ({"sample_size": 0}, "n is 0"), ({"sample_size": -1}, "n is -1"), ({"value": 50.0, "low": None, "high": None}, "not a share of 1"),
        ({"benchmark_digest": next(iter(SPLIT_SIZES)), "sample_size": 1177}, "n is 1177, but split `seen` has 1176"),
    ],
)  # fmt: skip
def test_an_impossible_score_is_refused(tmp_path, changes, reason):
    write_card(a_card(scores=(replace(a_score(0.5), **changes),)), tmp_path)
    with pytest.raises(InvalidCard) as raised:
        read_card(tmp_path, NAME)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_mean_over_languages_may_have_more_prompts_than_a_gallery(tmp_path):
    pooled = {"metric": "r_precision_at_1_mean", "language": "", "sample_size": 1920}
    score = replace(a_score(0.5), benchmark_digest=next(iter(SPLIT_SIZES)), **pooled)
    write_card(a_card(scores=(score,)), tmp_path)
    assert read_card(tmp_path, NAME).scores == (score,)


@pytest.mark.parametrize("field", ["provenance", "better", "source", "low", "sample_size"])
@pytest.mark.parametrize("value", [[], {}, [1], True, "nan"])
def test_a_field_of_the_wrong_type_is_a_problem_and_no_crash(tmp_path, field, value):
    arguments = {"provenance": "measured", "source": "s", field: value}
    result = {
        "task": {"type": "t"},
        "dataset": {"type": "b", "name": "b"},
        "metrics": [{"type": "m", "value": 1.0, "args": arguments}],
    }
    text = front_matter(**{"model-index": [{"name": "x", "results": [result]}]})
    if field == "source" and value == "nan":
        assert read_card(written(tmp_path, text), NAME).scores
        return
    with pytest.raises(InvalidCard, match="score m on b"):
        read_card(written(tmp_path, text), NAME)


def test_every_problem_is_listed_at_once_in_one_line(tmp_path):
    result = {
        "task": {"type": "t"},
        "dataset": {"type": "b", "name": "b"},
        "metrics": [
            {"type": "m", "value": 1.0, "args": {"provenance": "measured"}},
            {"type": "m", "value": 1.0, "args": {"provenance": "disputed", "source": "s"}},
            {"type": "m", "value": "good", "args": {"provenance": "guessed", "source": "s", "luck": 7}},
        ],
    }
    wrong = front_matter(
        language=["yo", "Elbonian", "jp", "a"], license=["mit", "my-own"], tags=3, linguahub={"kind": "adaptor", "summary": None, "colour": "red"},
        **{"model-index": [{"name": "x", "results": [result]}]},
    )  # fmt: skip
    with pytest.raises(InvalidCard) as raised:
        read_card(written(tmp_path, wrong), NAME)
    text = str(raised.value)
    assert "\n" not in text
    for part in (
        "language 'Elbonian' is unknown", "language 'jp' is unknown (similar: ja)", "language 'a' is unknown", "license 'my-own'", "unknown kind 'adaptor'; choose one of adapter",
        "`linguahub.summary` is missing", "`linguahub.colour` is unknown", "`tags` is 3", "a score needs a source",
        "a disputed score needs a reason", "'guessed' is not one of measured, reported, disputed", "'good' is not a number", "`luck`",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("language: [yo", "not valid YAML in line"),
        ("- yo\n- sw", "not a mapping"),
        ("language: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("license: apache-2.0\nlinguahub: {kind: adapter, summary: s}", "`language` is missing"),
        ("language: yo\nlinguahub: {kind: adapter, summary: s}", "`license` is missing"),
        ("language: yo\nlicense: mit", "`linguahub:` is missing"),
        ("language: yo\nlicense: mit\nlinguahub: {kind: base, summary: s}", "a base needs `linguahub.conditioning`"),
        (
            "language: yo\nlicense: mit\nlinguahub: {kind: base, summary: s, conditioning: {width: wide}}",
            "conditioning.width",
        ),
        (
            "language: yo\nlicense: mit\nlinguahub: {kind: adapter, summary: s, upstream: [{repository: a/b, file: ../x}]}",
            r"\.\.",
        ),
        (
            WITH_WHEEL.format("{name: x.zip, digest: %s, file: a/b, file_digest: %s}" % (64 * "b", 64 * "c")),
            "Invalid wheel filename",
        ),
        (
            WITH_WHEEL.format(
                "{name: --pre-1.0-py3-none-any.whl, digest: %s, file: a/b, file_digest: %s}" % (64 * "b", 64 * "c")
            ),
            "Invalid",
        ),
        (WITH_WHEEL.format("{name: e5-1.0-py3-none-any.whl, digest: %s, file: a/b}" % (64 * "b")), "'file_digest'"),
        (
            WITH_WHEEL.format("{name: e5-1.0-py3-none-any.whl, digest: b, file: a/b, file_digest: c}"),
            "64 lowercase hex digits",
        ),
        (
            WITH_WHEEL.format(
                "{name: e5-1.0-py3-none-any.whl, digest: %s, file: ../b, file_digest: %s}" % (64 * "b", 64 * "c")
            ),
            r"\.\.",
        ),
        (WITH_WHEEL.format("e5"), "after \\*\\* must be a mapping"),
        ("language: yo\nlicense: mit\nmodel-index: [{name: x}]\nlinguahub: {kind: adapter, summary: s}", "model-index"),
        ("language: yo\nlicense: mit\nmodel-index: 3\nlinguahub: {kind: adapter, summary: s}", "model-index"),
        ("language: yo\nlicense: mit\nlinguahub: [kind]", "`linguahub:` is missing"),
        ("language: 5\nlicense: mit\nlinguahub: {kind: adapter, summary: s}", "language 5 is unknown"),
    ],
)
def test_a_wrong_card_is_refused_in_one_line(tmp_path, content, reason):
    with pytest.raises(InvalidCard, match=reason) as raised:
        read_card(written(tmp_path, content), NAME)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "reason"), [("# No front matter", "has no front matter"), ("---\nlanguage: yo\n", "is not closed")]
)
def test_front_matter_must_begin_and_end(tmp_path, text, reason):
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(InvalidCard, match=reason):
        read_card(tmp_path, NAME)


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(InvalidCard, match=r"`local/mulan-yo` has no README.md"):
        read_card(tmp_path, NAME)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("apache-2.0", "Apache-2.0"), ("MIT", "MIT"), ("unicode-3.0 AND ofl-1.1", "Unicode-3.0 AND OFL-1.1"), ("openrail++", "openrail++"),
        ("CreativeML-OpenRAIL-M", "creativeml-openrail-m"), ("other", "other"), ("Apache License", None), ("", None), ("(", None),
        ("MIT, Apache-2.0", None), ("mit/apache-2.0", None), ("mit AND", None), ("mit OR", None), ("mit WITH", None), ("()", None),
        ("mit ()", None), ("& | mit", None), (",", None), ("mit\0", None), ("(" * 50_000, None), ("mit AND " * 50_000 + "mit", None),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", "(MIT OR Apache-2.0) AND BSD-3-Clause"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ],
)  # fmt: skip
def test_licences_are_spdx_or_hugging_faces_model_licences(given, meant):
    assert parse_license(given) == meant


def test_several_licences_make_a_round_trip(tmp_path):
    write_card(a_card(kind="dataset", license="Unicode-3.0 AND OFL-1.1"), tmp_path)
    assert ModelCard.load(tmp_path / "README.md").data.license == ["unicode-3.0", "ofl-1.1"]
    assert read_card(tmp_path, NAME).license == "Unicode-3.0 AND OFL-1.1"


def test_a_variant_names_its_base_and_encoder(tmp_path):
    variant = read_variant(a_folder(tmp_path / "a") / "emoji-sd")
    assert variant.folder == "emoji-sd"
    assert variant.base == Pin(name="linguahub/emoji-sd", digest=BASE_DIGEST)
    assert (variant.method, variant.architecture) == ("mulan", "resampler")
    assert variant.conditioning == Conditioning(width=128, length=16)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{", "cannot be read"), ("[]", "not a JSON object"), (a_variant_config(format=2), "`format` is 2; this version supports 1"),
        (a_variant_config() | {"base": None}, "`base` must have"), (a_variant_config(method=None), "`method` is missing"),
        (a_variant_config(conditioning={"width": -1, "length": "long", "mask": 1, "depth": 2}), "conditioning.depth.*width.*length.*mask"),
        (a_variant_config(encoder={"name": ""}), "`encoder` must have"),
    ],
)  # fmt: skip
def test_a_wrong_variant_is_refused_in_one_line(tmp_path, config, reason):
    folder = a_folder(tmp_path / "a")
    (folder / "emoji-sd" / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(InvalidCard, match=reason) as raised:
        describe(folder, NAME)
    assert "emoji-sd/config.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_is_described_by_card_and_variants(tmp_path):
    artifact = describe(
        a_folder(
            tmp_path / "a", a_card(method="", encoder="", bases=("linguahub/sdxl",)), variants=("emoji-sd", "sd15")
        ),
        NAME,
    )
    assert artifact.bases == ("emoji-sd", "sd15", "sdxl")
    assert artifact.method == "mulan"
    assert artifact.encoder == "emoji-xlmr"
    assert [variant.folder for variant in artifact.variants] == ["emoji-sd", "sd15"]


def test_the_parts_of_a_base_are_not_taken_for_variants(tmp_path):
    card = a_card(kind="base", bases=(), conditioning=Conditioning(width=128, length=16))
    folder = a_folder(tmp_path / "a", card, variants=())
    (folder / "unet").mkdir()
    (folder / "unet" / "config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    artifact = describe(folder, NAME)
    assert artifact.variants == ()
    assert artifact.conditioning == Conditioning(width=128, length=16)


@pytest.mark.parametrize(("language", "tags"), [("no", ("no",)), ("[no, yor_Latn, en]", ("no", "yo", "en"))])
def test_norwegian_needs_no_quotes(tmp_path, language, tags):
    text = f"language: {language}\nlicense: mit\nlinguahub: {{kind: adapter, summary: s}}"
    assert read_card(written(tmp_path, text), NAME).languages == tags


@pytest.mark.parametrize(
    ("license", "parsed"),
    [
        ("bsd", "bsd"), ("gpl", "gpl"), ("pddl", "pddl"), ("odc-by", "odc-by"), ("lgpl-lr", "lgpl-lr"), ("cc", "cc"), ("cc0-1.0", "CC0-1.0"),
        (["mit", "llama2"], "MIT AND llama2"), (["mit", "MIT"], "MIT"), ("MIT OR bsd", "MIT OR bsd"),
        (["mit OR apache-2.0", "openrail++"], "(MIT OR Apache-2.0) AND openrail++"), ("mit AND (isc OR zlib)", "MIT AND (ISC OR Zlib)"),
    ],
)  # fmt: skip
def test_the_hubs_licences_and_lists_of_licences_are_read_and_written(tmp_path, license, parsed):
    card = read_card(written(tmp_path, front_matter(license=license)), NAME)
    assert card.license == parsed
    write_card(card, tmp_path)
    assert read_card(tmp_path, NAME) == card


@pytest.mark.parametrize(
    ("license", "use"),
    [
        ("Apache-2.0", "allowed"), ("CC-BY-SA-4.0", "allowed"), ("CC-BY-NC-4.0", "forbidden"), ("openrail++", "conditional"),
        ("gemma", "conditional"), ("other", ""), ("unknown", ""), ("MIT AND creativeml-openrail-m", "conditional"),
        ("MIT AND CC-BY-NC-SA-4.0 AND llama2", "forbidden"), ("MIT AND other", ""), ("cc", ""),
    ],
)  # fmt: skip
def test_commercial_use_follows_from_a_known_licence_and_of_several_the_strictest_counts(license, use):
    assert commercial_use_of(license) == use


def test_a_card_states_commercial_use_for_a_licence_that_no_identifier_names(tmp_path):
    named = front_matter(license="other", license_name="a-licence", license_link="https://example.org/licence")
    card = read_card(written(tmp_path, named), NAME)
    assert card.terms == Terms(name="a-licence", link="https://example.org/licence")
    assert card.terms.describe_use(card.license) == "not stated"
    named["linguahub"]["commercial_use"] = "forbidden"
    card = read_card(written(tmp_path, named), NAME)
    assert card.terms.describe_use(card.license) == "not allowed"
    write_card(card, tmp_path / "again")
    assert read_card(tmp_path / "again", NAME) == card


def test_an_unknown_commercial_use_is_refused_with_the_values(tmp_path):
    wrong = front_matter(linguahub={"commercial_use": "maybe"})
    with pytest.raises(
        InvalidCard, match="`linguahub.commercial_use` is 'maybe', not one of allowed, conditional, forbidden"
    ):
        read_card(written(tmp_path, wrong), NAME)


def test_a_link_to_a_licence_without_https_is_left_out(tmp_path):
    named = front_matter(license="other", license_name="a", license_link="javascript:alert(1)")
    assert read_card(written(tmp_path, named), NAME).terms == Terms(name="a")
