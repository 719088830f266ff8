"""Builds the data set `emoji`."""
