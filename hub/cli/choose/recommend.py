"""`hub recommend`: what to load, or to train, for a language on a base."""

from __future__ import annotations

import json
from typing import Annotated, Any

from typer import Option

from hub.cli.choose.parity import parse_languages
from hub.cli.find.search import ENDPOINT
from hub.cli.terminal import bold, print_table, short_name


def recommend(
    base: Annotated[str, Option(help="Base, by any of its names.")],
    lang: Annotated[list[str], Option(help="Language tag or name; repeat it, or separate several by commas.")],
    budget: Annotated[float | None, Option(help="Dollars for training.", show_default=False)] = None,
    need: Annotated[
        list[str] | None,
        Option(help="Priority: budget, many-languages, culture, one-language or prototype.", show_default=False),
    ] = None,
    max_vram: Annotated[
        float | None, Option(help="Gigabytes of device memory for all weights.", show_default=False)
    ] = None,
    price_per_hour: Annotated[float, Option(help="Dollars per hour of an accelerator.")] = 2.0,
    as_object: Annotated[bool, Option("--json", help="Print JSON.")] = False,
    endpoint: Annotated[str, Option(help=ENDPOINT, show_default=False)] = "",
) -> None:
    """Recommend a module to load for languages on a base, and a method to train one where none exists.

    Modules that do not work with the base are left out. The others are ranked by scores that this hub has
    reproduced, then by scores that their owners report, then by scores that others report.
    """
    from hub.advice.recommend import Question, check
    from hub.advice.recommend import as_json as advice_as_json
    from hub.advice.recommend import recommend as answer

    question = Question(
        languages=parse_languages(lang), base=base, budget=budget, needs=tuple(need or ()), max_vram=max_vram,
        price_per_hour=price_per_hour,
    )  # fmt: skip
    check(question)
    if endpoint:
        from hub.remote.client import Endpoint

        asked = {
            "language": list(question.languages), "base": base, "budget": budget, "need": list(question.needs), "max_vram": max_vram,
            "price_per_hour": price_per_hour,
        }  # fmt: skip
        found = Endpoint(endpoint).ask(
            "GET", "/recommend", {name: value for name, value in asked.items() if value not in (None, [])}
        )
    else:
        from hub.local import LocalHub

        with LocalHub.open() as hub:
            found = advice_as_json(answer(hub.registry, hub.store, question))
    if as_object:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    for sentence in found["advice"]:
        print(sentence)
    if ready := found["ready"]:
        print(f"\n{bold('Ready to load')}")
        print_table(
            ("MODULE", "METHOD", "LANGUAGES", "WEIGHTS", "WHY", "UNKNOWN"),
            [_ready(each) for each in ready],
            drop=("UNKNOWN", "WHY", "METHOD", "WEIGHTS"),
            cut=("WHY", "UNKNOWN"),
        )
        if any(known["zero_shot"] for each in ready for known in each["languages"]):
            print("* zero-shot: trained on other languages")
        print(f"\n{ready[0]['load']}")
    if found["excluded"]:
        print(f"\n{bold('Left out')}")
        rows = [(short_name(each["module"]), each["reason"]) for each in found["excluded"]]
        print_table(("MODULE", "REASON"), rows, cut=("REASON",))
    if found["training"]:
        print(f"\n{bold('Ways to train')}")
        print_table(
            ("METHOD", "COST", "MEASURED", "STUDY", "UNKNOWN"),
            [_training(each) for each in found["training"]],
            drop=("UNKNOWN", "STUDY"),
            cut=("UNKNOWN",),
        )
        print(f"\n{found['training'][0]['command']}")
    for each in found["study"]:
        print(f"\nThe study says: {each['says']}\n  {each['verdict']}: {each['found']}")


def _ready(ready: dict[str, Any]) -> tuple[str, ...]:
    languages = ", ".join(each["language"] + "*" * each["zero_shot"] for each in ready["languages"])
    weights = f"{ready['memory_gigabytes']:.2f} GB {ready['dtype']}"
    unknown = "; ".join(ready["unknown"]) or "–"
    return short_name(ready["artifact"]), ready["method"] or "–", languages, weights, "; ".join(ready["why"]), unknown


def _training(training: dict[str, Any]) -> tuple[str, ...]:
    study, unknown = ", ".join(training["study"]) or "–", "; ".join(training["unknown"]) or "–"
    return training["method"], _cost(training), _evidence(training), study, unknown


def _cost(training: dict[str, Any]) -> str:
    if training["device_seconds"] is None:
        return "not known"
    hours = training["device_seconds"] / 3600
    time = f"{hours:,.1f} h" if hours >= 0.1 else f"{training['device_seconds']:,.0f} s"
    price = f", ${training['dollars']:,.2f}" if training["dollars"] is not None else ""
    return f"{time} {training['device']}{price}{' (above the budget)' if training['within_budget'] is False else ''}"


def _evidence(training: dict[str, Any]) -> str:
    known = training["evidence"]
    if known is None:
        return "–"
    return f"{known['metric']} {known['median']:.2f} on {known['base']}/{known['split']} ({known['scores']})"
