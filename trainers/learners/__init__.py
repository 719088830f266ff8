"""Learners: the modules being trained, how they are written, and the loss functions that methods share."""
