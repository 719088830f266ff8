"""Load training methods by name. Other packages add methods through the entry-point group `hub.methods`.

[project.entry-points."hub.methods"]
my-method = "my_package.my_method:PLAN"        # a trainers.recipes.plan.Plan
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hub.plugins import load

if TYPE_CHECKING:
    from trainers.recipes.plan import Plan

GROUP = "hub.methods"
METHODS = {
    "altdiffusion": "trainers.methods.altdiffusion:PLAN",
    "full": "trainers.methods.full:PLAN",
    "iap": "trainers.methods.iap:PLAN",
    "lora": "trainers.methods.lora:PLAN",
    "mclip": "trainers.methods.mclip:PLAN",
    "mclip+": "trainers.methods.mclip:PLUS",
    "memory": "trainers.methods.memory:PLAN",
    "mte": "trainers.methods.mte:PLAN",
    "mulan": "trainers.methods.mulan:PLAN",
    "pea": "trainers.methods.pea:PLAN",
    "prompt-tuning": "trainers.methods.prompt_tuning:PLAN",
    "bottleneck": "trainers.methods.bottleneck:PLAN",
    "token-kd": "trainers.methods.pea:TOKEN_KD",
    "translate": "trainers.methods.translate:PLAN",
}
"""Name → `module:attribute` of the bundled methods."""


def get_plan(name: str) -> Plan:
    """Return the plan of the method called `name`. Raises `UnknownMethod`."""
    return cast("Plan", load(GROUP, name, METHODS))
