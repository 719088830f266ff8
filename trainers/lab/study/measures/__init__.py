"""What a cell measures: images, texts, retrieval, latency, distances of distributions, and strips of images."""
