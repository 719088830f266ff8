"""Trains the lab's bases, encoders and judges."""
