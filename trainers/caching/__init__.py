"""`hub cache`: compute the inputs of training in advance, in this process, in several, or on a Ray cluster."""
