"""Frozen bases and encoders that training reads."""
