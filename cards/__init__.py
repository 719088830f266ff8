"""The curated part of the registry: one folder an artifact, in Hugging Face layout. Data alone, no code."""
