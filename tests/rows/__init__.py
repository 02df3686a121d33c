"""Rows of the feature list, each shown through a public door."""
