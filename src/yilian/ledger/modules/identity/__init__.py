"""Who takes part: organisations, persons, practitioners, devices, agents, and their keys."""
