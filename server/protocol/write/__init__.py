"""Writing in the Hub protocol: repositories, commits, branches."""
