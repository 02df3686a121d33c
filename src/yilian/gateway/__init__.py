"""Room 4, meets the world: HTTP, standards, indexes."""
