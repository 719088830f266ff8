"""What happens to a server that is killed, that has no room left, or whose clients go away."""
