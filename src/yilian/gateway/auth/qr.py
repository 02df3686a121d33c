"""A QR code as what a page draws: the side in modules, and one SVG path of the dark ones."""

from __future__ import annotations

import msgspec
import segno

QUIET = 4
"""Light modules around it (ISO/IEC 18004, section 6.3.8)."""


class QrCode(msgspec.Struct, frozen=True, kw_only=True):
    """A QR code: draw `path` in a view box of `side` by `side`; the quiet zone is inside."""

    side: int
    path: str


def qr_code(text: str) -> QrCode:
    """Make the QR code of a text (ISO/IEC 18004), with error correction level M or better."""
    made = segno.make(text, error="m", micro=False)
    rows = [bytes(row) for row in made.matrix]
    path = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            wide = 0
            while x + wide < len(row) and row[x + wide]:
                wide += 1
            if wide:
                path.append(f"M{x + QUIET} {y + QUIET}h{wide}v1h-{wide}z")
            x += wide or 1
    return QrCode(side=len(rows) + 2 * QUIET, path="".join(path))
