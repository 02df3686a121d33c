"""A judge of chains that others wrote: CometBFT's own light client, in Go (`main.go`)."""
