"""/compare: artifacts side by side."""
