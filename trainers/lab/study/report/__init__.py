"""The report of a study: pages, plots and contact sheets, written from the cells of a work folder alone."""
