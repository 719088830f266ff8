"""The pages of an artifact: overview, scores, files, history, and the forms on them."""
