"""Kill a server repeatedly while a client writes to it, and print the losses: `python -m tests.faults [ROUNDS]`.

Registry and store are in a temporary folder, or at DATABASE_URL and STORE_URL; both must be empty.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from hub.home import Home
from hub.local import LocalHub
from hub.maintenance.verify import verify
from tests.faults.killing import REPOSITORY, kill_again_and_again

if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HUB_HOME": folder, "HUB_CARDS": f"{folder}/no-cards"}
        outcome = kill_again_and_again(environment, rounds, seed=time.time_ns())
        with LocalHub.open(Home.find(environment=environment)) as hub:
            faults = [each.text for each in verify(hub.registry, hub.store) if each.is_fault]
            held = {file.path: file.digest.hex for file in hub.registry.revision(REPOSITORY).files}
        lost = outcome.confirmed.items() - held.items()
        print(
            f"{outcome.rounds} kills in {outcome.seconds:.0f} s, {outcome.interrupted} of them during an upload; "
            f"{len(outcome.confirmed)} files confirmed, {len(lost)} of them lost or wrong; {len(faults)} faults in the store; "
            f"{len(list(Path(folder, 'store', 'incoming').glob('*')))} unfinished writes left to clean up."
        )
    sys.exit(bool(lost or faults))
