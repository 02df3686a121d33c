"""What an organisation does, matter by matter: vault, chain and agent brought together."""
