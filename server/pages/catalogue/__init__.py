"""Pages of bases, methods, benchmarks, data sets and owners."""
