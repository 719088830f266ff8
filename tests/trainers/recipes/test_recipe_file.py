"""A recipe file overrides a plan; invalid settings are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import InvalidRequest, UnknownRecipe
from trainers import defaults
from trainers.loop.optimizer import learning_rate
from trainers.loop.recipe import Recipe
from trainers.methods import get_plan
from trainers.recipes.overrides import Overrides, settings_of
from trainers.recipes.plan import Plan
from trainers.recipes.recipe_file import FOLDER, read_recipe, recipe_names


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def changed(folder: Path, text: str, *sets: str) -> Plan:
    found = read_recipe(written(folder, text))
    return found.changes.with_sets(sets).apply(get_plan(found.method), what="recipe mine.yaml")


def test_only_the_phases_of_the_file_run_with_its_numbers_and_options(tmp_path: Path) -> None:
    plan = changed(
        tmp_path,
        "method: mulan\nphases: {denoise: {steps: 7, learning_rate: 1e-4, betas: [0.9, 0.95], empty_share: 0.25}}",
    )
    (phase,) = plan.phases
    assert (phase.name, phase.recipe.steps, phase.recipe.learning_rate) == ("denoise", 7, 1e-4)
    assert phase.recipe.betas == (0.9, 0.95)
    assert settings_of(phase)["empty_share"] == 0.25
    assert phase.recipe.batch_size == get_plan("mulan").phases[1].recipe.batch_size, "what is not named stays"


def test_a_file_without_phases_leaves_the_plans_own(tmp_path: Path) -> None:
    assert changed(tmp_path, "method: pea").phases == get_plan("pea").phases


def test_set_on_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    text = "method: pea\nphases: {hybrid: {steps: 7, batch_size: 3}}"
    plan = changed(tmp_path, text, "hybrid.steps=9", "batch_size=5", "prompt.length=4", "prompt.negative.length=4")
    assert (plan.phases[0].recipe.steps, plan.phases[0].recipe.batch_size) == (9, 5)
    assert plan.prompt_rules is not None
    assert plan.prompt_rules.positive.length == 4


def test_a_bare_key_is_set_in_every_phase_that_has_it() -> None:
    plan = Overrides().with_sets(["batch_size=5", "native_share=0.5"]).apply(get_plan("pea"), what="`pea`")
    assert [phase.recipe.batch_size for phase in plan.phases] == [5, 5]
    assert ["native_share" in settings_of(phase) for phase in plan.phases] == [False, True]
    assert settings_of(plan.phases[1])["native_share"] == 0.5


def test_prompt_rules_are_those_of_config_json(tmp_path: Path) -> None:
    text = "method: mulan\nprompt: {prefix: 'summarize:', drop: [1, 2, 3], length: 80, negative: {length: 77}}"
    prompt_rules = changed(tmp_path, text).prompt_rules
    assert prompt_rules is not None
    assert (prompt_rules.positive.kept, prompt_rules.negative.kept, prompt_rules.negative.prefix) == (77, 77, "")
    assert prompt_rules.config()["negative"] == {"prefix": "", "suffix": "", "drop": [], "length": 77}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("method: mulan\nphasez: {}", r"no setting is called `phasez`. Did you mean `phases`\?"),
        ("method: mulan\nphases: {denois: {}}", r"no phase of `mulan` is called `denois`. Did you mean `denoise`\?"),
        ("method: mulan\nphases: {denoise: {stepz: 3}}", r"of phase `denoise` is called `stepz`. Did you mean `steps`\?"),
        ("method: mulan\nphases: {denoise: {steps: many}}", "`denoise.steps` must be a whole number, not 'many'"),
        ("method: mulan\nphases: {denoise: {steps: 2.5}}", "`denoise.steps` must be a whole number, not 2.5"),
        ("method: mulan\nphases: {denoise: {steps: 0}}", "must be at least 1"),
        ("method: mulan\nphases: {denoise: {decay: cubic}}", "must be one of cosine, linear"),
        ("method: mulan\nphases: [denoise]", "`phases` must map names to values"),
        ("method: mulan\nprompt: {length: 80, drop: [1], negative: {length: 80}}", "keep 79 states but negative prompts 80"),
        ("method: mulan\nprompt: {length: 80, suffix: a}", "`prompt.suffix` is not a prompt rule"),
        ("method: mulan\nprompt: {length: none}", "not a number of tokens"),
        ("method: mulan\nenglish_share: 1.5", "`english_share` must be a number from 0 to 0.95, not 1.5"),
        ("method: mulan\ntemperature: hot", "`temperature` must be a number of at least 0.1, not 'hot'"),
        ("phases: {}", "`method` must name a training method"),
        ("method: [", "is not valid YAML"),
        ("- method", "must map names to values"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint) as found:
        changed(tmp_path, text)
    assert "\n" not in str(found.value)
    assert "mine.yaml" in str(found.value)


@pytest.mark.parametrize(
    ("each", "complaint"),
    [
        ("batch_size", "write KEY=VALUE"),
        ("batchsize=3", r"no setting of `mulan` is called `batchsize`. Did you mean `batch_size`\?"),
        ("distil.clip_norm=[", "cannot be parsed"),
        ("clip_norm=.nan", "must be a number"),
        ("precision=8", "must be text"),
        ("betas=0.9", "must be a list"),
    ],
)
def test_a_wrong_set_is_refused_in_one_line(each: str, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint) as found:
        Overrides().with_sets([each]).apply(get_plan("mulan"), what="`mulan`")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("method", "each", "complaint"),
    [
        ("full", "module.delta=3", "`module.delta` must be text, not 3"),
        ("altdiffusion", "module.rank=many", "`module.rank` must be a whole number, not 'many'"),
        ("lora", "module.denoiser=1", "`module.denoiser` must be true or false, not 1"),
        ("iap", "module.nrm=true", r"no setting of `module` is called `nrm`. Did you mean `norm`\?"),
    ],
)
def test_a_size_of_a_wrong_kind_is_refused_in_one_line(method: str, each: str, complaint: str) -> None:
    with pytest.raises(InvalidRequest, match=complaint) as found:
        Overrides().with_sets([each]).apply(get_plan(method), what=f"`{method}`")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("method", "sets", "complaint"),
    [
        ("full", ["module.delta=all"], "`module.delta` must be lora, weights or empty"),
        ("altdiffusion", ["module.rank=0"], "`module.rank` at least 1"),
        ("lora", ["module.denoiser=false", "module.text_encoder=false"], "`module.text_encoder`, `module.denoiser` or both"),
    ],
)  # fmt: skip
def test_an_invalid_size_is_refused_before_anything_is_copied(method: str, sets: list[str], complaint: str) -> None:
    plan = Overrides().with_sets(sets).apply(get_plan(method), what=f"`{method}`")
    with pytest.raises(InvalidRequest, match=complaint) as found:
        plan.learner(None, None)
    assert "\n" not in str(found.value)


def test_a_denoiser_that_learns_is_refused_beside_a_phase_that_distils_it_from_itself() -> None:
    named = Overrides().with_sets(["hybrid.steps=5"])
    with pytest.raises(
        InvalidRequest, match="`hybrid` distils the denoiser from itself, so it must be frozen: `--set"
    ) as found:
        named.apply(get_plan("lora"), what="`lora`")
    assert "\n" not in str(found.value)
    frozen = named.with_sets(["module.denoiser=false"]).apply(get_plan("lora"), what="`lora`")
    assert "hybrid" in [phase.name for phase in frozen.phases]
    assert Overrides().with_sets(["module.denoiser=true"]).apply(get_plan("lora"), what="`lora`").phases


def test_the_inverse_square_root_decays_from_the_end_of_the_warm_up() -> None:
    recipe = Recipe(
        steps=400_000, batch_size=1, learning_rate=5e-4, warmup_steps=4000, decay="inverse-sqrt", final_share=0.0
    )
    rates = [learning_rate(recipe, step) for step in (1999, 4000, 16_000, 400_000)]
    assert rates == pytest.approx([2.5e-4, 5e-4, 2.5e-4, 5e-5])


def test_a_warm_up_can_begin_at_its_own_rate() -> None:
    found = read_recipe("mclip-mte")
    contrast = found.changes.apply(get_plan("mte"), what="mclip-mte").phases[1].recipe
    rates = [learning_rate(contrast, step) for step in (0, 5, 10, 1000)]
    assert rates == pytest.approx([2e-5, 6e-5, 1e-4, 1e-5]), "as `run_mte.sh` has it"
    assert contrast.clip_norm == 2.0


def test_an_unknown_recipe_suggests_near_names() -> None:
    with pytest.raises(UnknownRecipe, match="no recipe is called `mulan-sd51`. Did you mean .*`mulan-sd15`"):
        read_recipe("mulan-sd51")


@pytest.mark.parametrize("name", [each for each in recipe_names() if each not in {"token-kd", "lora-sd15"}])
def test_recipes_of_the_originals_mix_no_english_in(name: str) -> None:
    assert read_recipe(name).changes.mixture["english_share"] == 0.0


def test_the_mixture_is_that_of_the_options_else_of_the_recipe_else_the_default() -> None:
    recipe = Overrides(mixture={"english_share": 0.0})
    assert recipe.mixture_with(None, 5.0) == (0.0, 5.0)
    assert recipe.mixture_with(0.1, None) == (0.1, defaults.TEMPERATURE)
    assert recipe.with_sets(["batch_size=8"]).mixture == recipe.mixture


@pytest.mark.parametrize("name", recipe_names())
def test_every_bundled_recipe_fits_its_method(name: str) -> None:
    found = read_recipe(name)
    plan = found.changes.apply(get_plan(found.method), what=name)
    assert plan.name == found.method
    header = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").split("\nmethod:")[0]
    for word in ("Source:", "Hardware:", "Batch:", "Steps:", "Cost:"):
        assert f"# {word}" in header, "a recipe says where its numbers come from and what to expect"


def test_phases_that_read_latents_either_all_sample_them_or_none() -> None:
    plan = get_plan("altdiffusion")
    assert not plan.sample_latents
    assert Overrides().with_sets(["sample_latents=true"]).apply(plan, what="test").sample_latents
    mixed = Overrides().with_sets(["quality.sample_latents=true"]).apply(plan, what="test")
    with pytest.raises(InvalidRequest, match="set `sample_latents` in all of them or in none") as caught:
        _ = mixed.sample_latents
    assert "\n" not in str(caught.value)
    on_texts = Overrides().with_sets(["distil.sample_latents=true"]).apply(get_plan("mulan"), what="test")
    assert not on_texts.sample_latents, "a phase on texts has no latents"
