"""Webhooks: told from the outbox, signed, to addresses outside of the own network. See docs/webhooks.md."""
