"""Creation and management of accounts: sign-up, profiles, reset links, organisations of users, and lists of accounts."""
