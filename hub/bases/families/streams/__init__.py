"""Families whose denoisers read several streams or layers, or sequences with further parts."""
