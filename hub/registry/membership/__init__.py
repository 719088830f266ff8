"""How people get an account and lose it: sign-up, profiles, reset links, organisations of their own, and lists of accounts."""
