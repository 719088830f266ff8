"""Run diffusers, transformers and PEFT by repository id against our server, and return the cells of the page."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.clients.page import LIBRARIES, Cell, cells_of
from tests.clients.serving import Service

COLUMN = "diffusers, transformers, PEFT"


def library_cells(service: Service) -> dict[Cell, str]:
    """Run the libraries of this environment and return their cells.

    Without torch's code generator, which bitsandbytes would import.
    """
    settings = {"OMP_NUM_THREADS": "1", "TORCHDYNAMO_DISABLE": "1"}
    outcomes = service.walk(Path(sys.executable), "libraries", module="library_journey", **settings)
    return cells_of(outcomes, COLUMN, LIBRARIES)
