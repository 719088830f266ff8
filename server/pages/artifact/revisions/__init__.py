"""The pages of the files and the history of an artifact."""
