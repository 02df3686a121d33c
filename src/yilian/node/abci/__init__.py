"""The law behind CometBFT: the ABCI 2.0 socket protocol and its calls."""
