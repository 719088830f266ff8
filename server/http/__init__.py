"""HTTP building blocks that endpoints share."""
