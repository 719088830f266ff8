"""The families of bases, a file each: their conditioning, and how their pipelines take embeddings."""
