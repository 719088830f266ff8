"""The training loop: optimiser, sampler, checkpoints, progress, distributed processes."""
