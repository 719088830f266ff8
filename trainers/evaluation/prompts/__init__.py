"""Benchmarks of generation on published prompts: any base, judged by any dual encoder."""
