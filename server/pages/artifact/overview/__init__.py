"""The first page of an artifact: images, usage, facts, origin and card."""
