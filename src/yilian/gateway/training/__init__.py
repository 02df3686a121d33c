"""Guided training: the quiz at the end of a course, and the credential for passing it."""
