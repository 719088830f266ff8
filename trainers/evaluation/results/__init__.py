"""Results of single prompts, captions and images: computed once, kept on disk as an evaluation goes, and divided among processes."""
