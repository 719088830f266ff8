"""Build the data set and retrain every model of the lab, one after the other (`make lab`).

    python -m trainers.lab
    python -m trainers.lab --share 0.001 --work build/tried --cards build/tried/cards      # a trial run of minutes

Finished stages are skipped; interrupted ones resume from their newest checkpoint.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trainers.lab.stage_options import CARDS, make_parser


def stages(work: Path, share: float, cards: Path) -> tuple[tuple[str, ...], ...]:
    """Return the stages in order, each as a label, a Python module and its arguments."""
    training = ("--work", str(work), "--share", str(share))
    return (
        ("data set", "trainers.lab.dataset.build"),
        ("autoencoder", "trainers.lab.models.vae", *training),
        ("emoji-clip", "trainers.lab.models.clip", "emoji-clip", *training),
        ("emoji-judge", "trainers.lab.models.clip", "emoji-judge", *training),
        ("emoji-xlmr", "trainers.lab.models.encoder", *training),
        ("emoji-sd", "trainers.lab.models.base", *training),
        ("emoji-dit", "trainers.lab.models.dit", *training, "--from-base", str(work / "emoji-sd")),
        ("cards", "trainers.lab.models.export_cards", "--work", str(work), "--cards", str(cards)),
    )


def main() -> int:
    """Run the stages in order and stop at the first that fails."""
    parser = make_parser(__doc__)
    parser.add_argument("--cards", type=Path, default=CARDS, help="output folder for the finished repositories")
    options = parser.parse_args()
    plan = stages(options.work, options.share, options.cards)
    for number, (label, module, *arguments) in enumerate(plan, start=1):
        print(f"[{number}/{len(plan)}] {label}", flush=True)
        result = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if result.returncode:
            return result.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
