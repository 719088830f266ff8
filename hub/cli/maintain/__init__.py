"""Commands that check, repair and back up an installation."""
