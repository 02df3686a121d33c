"""Yilian (医链): a consortium ledger for healthcare that a stranger can verify."""

__version__ = "0.1.0"
