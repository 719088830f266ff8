"""Optional parts. The core imports none of them; see `server.part`."""
