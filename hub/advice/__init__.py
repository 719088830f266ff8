"""Advice: what to load or to train for a language on a base, what it costs, and how parity is measured where it is not known."""
