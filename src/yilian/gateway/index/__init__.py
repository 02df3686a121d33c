"""The chain index: what lists, filters and streams read; filled from the event log alone."""

from yilian.gateway.index.chain_index import Advance, ChainIndex, IndexMismatch
from yilian.gateway.index.reading import Filters, Place, Reading

__all__ = ["Advance", "ChainIndex", "Filters", "IndexMismatch", "Place", "Reading"]
