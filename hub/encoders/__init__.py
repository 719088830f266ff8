"""Frozen text encoders and the states that modules read from them."""
