"""How notices leave the house: senders, one per channel, and the worker that drives them."""
