"""Facts that follow from scores alone: the type of a metric, comparability, and parities."""
