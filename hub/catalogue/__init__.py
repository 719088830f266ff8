"""Facts about a base, a method, a benchmark, a data set or an owner, from the registry and the tables of this package."""
