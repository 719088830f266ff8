"""What can be said of scores alone: what a metric is about, what may be compared, and which parities scores contain."""
