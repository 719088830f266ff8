"""Write requests of the Hub protocol: repositories, commits, branches."""
