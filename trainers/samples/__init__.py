"""Sample images while training."""
