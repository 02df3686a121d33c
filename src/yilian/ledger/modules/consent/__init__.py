"""What a person allows: grants and sessions, on chain as commitments only."""
