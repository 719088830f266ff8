"""Webhooks: signed requests sent from the outbox to URLs outside the server's network. See docs/publish/webhooks.md."""
