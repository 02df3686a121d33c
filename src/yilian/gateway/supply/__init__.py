"""Medicines, vaccines and devices from their maker to their patient, as one organisation sees it."""
