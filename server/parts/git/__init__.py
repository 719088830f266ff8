"""`git clone` of every repository: smart HTTP, read only. See docs/git.md."""
