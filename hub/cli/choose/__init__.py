"""Commands that help to choose: parity of languages, and advice."""
