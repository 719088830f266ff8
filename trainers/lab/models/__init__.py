"""Trains the base, the encoders and the judge of the lab."""
