"""Check what is published: folders, claims of scores, files that can run code."""
