"""Families of bases that draw images, besides the ones that most people use."""
