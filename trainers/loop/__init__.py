"""The training loop: optimiser, sampler, checkpoints, processes."""
