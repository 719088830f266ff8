"""Families of bases that make videos."""
