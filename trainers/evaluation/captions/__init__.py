"""Benchmarks of retrieval on published captions."""
