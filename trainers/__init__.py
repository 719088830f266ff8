"""Methods, the loop that runs them, and the measuring of what they make."""
