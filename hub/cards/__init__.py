"""A folder in Hugging Face layout ⇄ records: README.md with front matter, `<variant>/config.json`."""

from hub.cards.card import Card
from hub.cards.describe import describe
from hub.cards.reading import read_card
from hub.cards.variants import read_variant
from hub.cards.writing import write_card

__all__ = ["Card", "describe", "read_card", "read_variant", "write_card"]
