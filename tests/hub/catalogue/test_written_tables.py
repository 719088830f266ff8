"""The tables of methods and benchmarks, for a server without trainers, agree with trainers."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from hub.advice.tables import methods
from hub.catalogue.benchmark_facts import MCLIP, benchmark_page, written_benchmarks
from hub.catalogue.method_facts import method_page, written_methods
from hub.local import LocalHub
from trainers.evaluation import BENCHMARKS, get_benchmark
from trainers.evaluation.evaluator import EvaluationTask
from trainers.methods import METHODS, get_plan


@pytest.fixture(scope="module")
def hub():
    with LocalHub.open() as opened:
        yield opened


def test_every_method_of_hub_train_is_written():
    assert set(written_methods()) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_phases_of_its_plan_and_generates_images_if_the_advice_lists_it(hub, name):
    page, plan = method_page(hub.registry, hub.store, name, ()), get_plan(name)
    assert [(each.name, each.optional) for each in page.phases] == [(each.name, each.optional) for each in plan.phases]
    assert page.method.draws == (name in {each.name for each in methods()})
    assert page.method.needs == ("images" if {"latents", "images"} & set(plan.needs) else "texts")
    assert page.chain
    assert {each.state for each in page.chain} <= {"frozen", "trained", "copied"}
    parts = {each.part for each in page.chain}
    assert set(page.meets) <= parts, "the loss reads parts of the chain"
    is_trained = any(each.state != "frozen" or "trained" in each.note for each in page.chain)
    assert is_trained
    assert page.commands[0].startswith(f"hub train {name} --base ")


def test_papers_are_those_that_the_modules_of_methods_name(hub):
    for name in ("mulan", "pea", "iap", "lora", "prompt-tuning", "altdiffusion", "bottleneck"):
        module = import_module(METHODS[name].partition(":")[0])
        named = re.search(r"arXiv\s(\d{4}\.\d{5})", module.__doc__ or "")
        assert named, name
        assert method_page(hub.registry, hub.store, name, ()).arxiv == named[1], name


def test_every_benchmark_of_hub_evaluate_is_written():
    assert set(written_benchmarks()) == set(BENCHMARKS)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_has_the_subject_splits_and_prompts_of_its_class(hub, name):
    page, benchmark = benchmark_page(hub.registry, name, ()), get_benchmark(name)
    assert page.benchmark.subject == benchmark.needs
    assert page.benchmark.n == getattr(benchmark, "default_count", EvaluationTask.count)
    if splits := getattr(benchmark, "splits", None):
        assert page.benchmark.splits == tuple(splits)
    assert page.metrics
    assert f"--benchmark {name}" in page.command
    assert page.benchmark.protocol


def test_the_direction_of_a_metric_is_that_of_its_scores(hub):
    for name in written_benchmarks():
        page = benchmark_page(hub.registry, name, ())
        written = {each.metric: each.better for each in page.metrics}
        for scored in page.scored:
            plain = re.sub(r"(_at_\d+)?(\[.*)?$", "", scored.metric)
            assert written.get(plain, scored.better) == scored.better, (name, scored.metric)


def test_mclips_protocol_is_another_benchmark(hub):
    standard, lenient = (benchmark_page(hub.registry, name, ()) for name in ("xtd10", f"xtd10{MCLIP}"))
    assert standard.benchmark.protocol != lenient.benchmark.protocol
    assert "not comparable" in lenient.benchmark.protocol
