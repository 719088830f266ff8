"""Measurements of cells: images, texts, retrieval, latency, distances of distributions, and strips of images."""
