"""Read-only `git clone` of every repository over smart HTTP. See docs/publish/git.md."""
