"""What one organisation's node may ask of another's: the counterpart, here or at its own node.

    counterpart.py   what may be asked, and the answer of an organisation of this node (`Here`)
    formats.py       the questions and answers as they travel
    there.py         the same questions, asked of another node (`There`)
    peers.py         the way there: HTTPS with TLS 1.3, both sides known by the chain
    listener.py      the way in: a listener of its own that serves other members alone
    certificates.py  the key and certificate of a node
    endpoints.py     where the chain says that a member's node is
    courier.py       what could not be told at once, brought later

Whoever speaks is known by the certificate that the chain holds for them, and by nothing else.
"""
