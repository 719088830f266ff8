"""Commands that move artifacts between folders, files and hubs."""
