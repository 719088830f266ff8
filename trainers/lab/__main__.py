"""`make lab`: build the data set and train every model of the lab again, one after the other.

    python -m trainers.lab
    python -m trainers.lab --share 0.001 --work build/tried --cards build/tried/cards      # minutes, to try it out

What is finished is skipped; what was interrupted goes on from its newest checkpoint.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainers.lab.stage import CARDS, parser_of


def stages(work: Path, share: float, cards: Path) -> tuple[tuple[str, ...], ...]:
    """What is run, in order: a label, a module and its arguments."""
    training = ("--work", str(work), "--share", str(share))
    return (
        ("data set", "trainers.lab.dataset.build"),
        ("autoencoder", "trainers.lab.models.vae", *training),
        ("emoji-clip", "trainers.lab.models.clip", "emoji-clip", *training),
        ("emoji-judge", "trainers.lab.models.clip", "emoji-judge", *training),
        ("emoji-xlmr", "trainers.lab.models.encoder", *training),
        ("emoji-sd", "trainers.lab.models.base", *training),
        ("cards", "trainers.lab.models.ship", "--work", str(work), "--cards", str(cards)),
    )


def main() -> int:
    """Run the stages in order; stop at the first that fails."""
    parser = parser_of(__doc__)
    parser.add_argument("--cards", type=Path, default=CARDS, help="where the finished repositories are written to")
    given = parser.parse_args()
    planned = stages(given.work, given.share, given.cards)
    for number, (label, module, *arguments) in enumerate(planned, start=1):
        print(f"[{number}/{len(planned)}] {label}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
