"""What records say: the content index, one timeline of many sources, export and import."""
