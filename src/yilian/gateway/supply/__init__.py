"""Medicines, vaccines and devices from maker to patient, as one organisation sees them."""
