"""Pages that help to choose: leaderboards, the parity map, languages, and advice."""
