"""Commands of the trainers, a file for each. `trainers.cli` offers them to the entry points."""
