"""The study: every method and baseline of the lab, trained and measured under equal conditions, cell by cell, and a report of the cells."""
