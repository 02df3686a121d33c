"""The one wiring place: makes and opens nodes and networks, and clients that need no network."""

from yilian.bootstrap.making import Founder, make_node
from yilian.bootstrap.network import Network, Seat, make_network
from yilian.bootstrap.node import Node
from yilian.bootstrap.promoting import promote

__all__ = ["Founder", "Network", "Node", "Seat", "make_network", "make_node", "promote"]
