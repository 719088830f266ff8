"""Generate sample images during training."""
