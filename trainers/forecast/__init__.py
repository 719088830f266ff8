"""Forecast what a run takes, from configurations alone: memory, disk, steps, device-hours and money."""
