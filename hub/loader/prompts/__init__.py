"""From prompts in any language to embeddings."""
