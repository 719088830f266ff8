"""What the registry and the tables of this package know of a base, a method, a benchmark, a data set or an owner."""
