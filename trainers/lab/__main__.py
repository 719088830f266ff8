"""`make lab`: build the data set and train every model of the lab again, one after the other.

    python -m trainers.lab [--work FOLDER]

What is finished is skipped; what was interrupted goes on from its newest checkpoint.
"""

from __future__ import annotations

import subprocess
import sys

STAGES = (
    ("data set", "trainers.lab.build", ()),
    ("autoencoder", "trainers.lab.vae", ()),
    ("emoji-clip", "trainers.lab.clip", ("emoji-clip",)),
    ("emoji-judge", "trainers.lab.clip", ("emoji-judge",)),
    ("emoji-xlmr", "trainers.lab.encoder", ()),
    ("emoji-sd", "trainers.lab.base", ()),
    ("cards", "trainers.lab.ship", ()),
)


def main() -> int:
    """Run the stages in order; stop at the first that fails."""
    for number, (label, module, arguments) in enumerate(STAGES, start=1):
        print(f"[{number}/{len(STAGES)}] {label}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
