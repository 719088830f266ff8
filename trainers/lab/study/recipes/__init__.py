"""Recipe files of the methods as they were published, without the fast phase on texts that ours start with."""
