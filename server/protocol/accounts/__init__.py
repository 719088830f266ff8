"""Accounts in the Hub protocol: whoami, likes, access requests."""
