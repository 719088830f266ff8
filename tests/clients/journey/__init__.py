"""What one client does, step by step. Runs in that client's own environment: imports huggingface_hub and nothing of ours.

    python -m journey --guest-token TOKEN [--only uploads]

Each line that it writes is a step as JSON: `name`, `group`, `outcome` (`yes`, `absent` or `failed`) and `reason`.
"""

CROWD = 120
"""Models of the organisation `crowd`: more than a page of a list has."""
