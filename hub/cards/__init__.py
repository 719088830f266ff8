"""Read and write folders in Hugging Face's layout: README.md with front matter, `<variant>/config.json`."""

from hub.cards.card import Card
from hub.cards.describe import describe
from hub.cards.read_card import read_card
from hub.cards.variant_config import read_variant
from hub.cards.write_card import write_card

__all__ = ["Card", "describe", "read_card", "read_variant", "write_card"]
