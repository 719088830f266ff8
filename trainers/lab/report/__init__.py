"""Tables and images of the lab's results."""
