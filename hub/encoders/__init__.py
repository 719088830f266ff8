"""Frozen text encoders and what is read out of them."""
