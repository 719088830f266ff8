"""Access other hubs over the network: the API of a linguahub, and upstream repositories."""
