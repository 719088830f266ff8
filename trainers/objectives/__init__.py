"""Losses on the material that several methods share. A method's own file names what learns, its phases and its numbers."""
