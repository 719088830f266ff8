"""Results of single prompts, captions and images: computed once, stored on disk during the evaluation, and divided among processes."""
