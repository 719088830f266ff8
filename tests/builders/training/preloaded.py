"""Import what the processes of tests need. Only the fork server imports this module.

It does not look for garbage among the million objects of the libraries, and neither do the processes: each time would take 0.7 s.
"""

from __future__ import annotations

import gc
from importlib import import_module

NAMES = (
    "tests.trainers.conftest",
    "tests.trainers.evaluation.results.test_stopped_evaluation",
    "tests.trainers.inputs.latents.test_two_processes",
    "tests.trainers.learners.test_contrast",
    "tests.trainers.loop.test_loop",
    "tests.trainers.loop.test_sharding",
    "tests.trainers.test_several_processes",
    # What they import within functions, a second for each process:
    "alembic.command",
    "hub.registry.database.sqlite",
    "hub.registry.tables.artifacts",
    "hub.systems.mulan.resampler",
    "pandas",
    "pyarrow.compute",
    "server.parts.webhooks.tables",
    "torch.utils.tensorboard",
    "trainers.commands.evaluate",
    "trainers.evaluation.prompts.formats.mg18",
    "trainers.methods.mulan",
    "transformers.models.clip.image_processing_pil_clip",
    "transformers.models.xlm_roberta.modeling_xlm_roberta",
)
"""Together they import what a process of these tests needs."""

gc.disable()
for name in NAMES:
    import_module(name)
gc.freeze()
gc.enable()
