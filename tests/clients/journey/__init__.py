"""The steps that one client performs. They run in that client's environment, with huggingface_hub and none of our code.

    python -m journey --guest-token TOKEN [--sending]

Each output line is a step as JSON: `name`, `group`, `outcome` (`yes`, `absent` or `failed`) and `reason`.
"""

CROWD = 120
"""Empty models of the organisation `crowd`: more than fit on a page of a list."""
LARGE, LONG, MANY = "crowd-of-one/large", "crowd-of-one/long", "crowd-of-one/many"
"""A file of 3 MiB; 61 commits, each after the first with another file; 1,005 files. Created before the server starts."""
PART_BYTES = 1 << 20
"""Files of more bytes are uploaded in parts of this size."""
