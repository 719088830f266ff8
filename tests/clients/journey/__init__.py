"""What one client does, step by step. Runs in that client's own environment: imports huggingface_hub and nothing of ours.

    python -m journey --guest-token TOKEN [--sending]

Each line that it writes is a step as JSON: `name`, `group`, `outcome` (`yes`, `absent` or `failed`) and `reason`.
"""

CROWD = 120
"""Empty models of the organisation `crowd`: more than a page of a list has."""
LARGE, LONG, MANY = "crowd-of-one/large", "crowd-of-one/long", "crowd-of-one/many"
"""A file of 12 MiB; 61 commits, each but the first of another file; 1005 files. Made before the server was started."""
