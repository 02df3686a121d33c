"""That records exist unchanged, and who read them: commitments and Merkle roots."""
