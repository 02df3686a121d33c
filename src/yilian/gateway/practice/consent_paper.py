"""A consent receipt as a PDF (ISO 32000): one column, with a QR code of where it is checked.

Chinese is set in STSong-Light, which readers bring themselves (Adobe-GB1), so no font is carried.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

import segno
from reportlab.graphics.shapes import Drawing, Rect
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Table, TableStyle

from yilian.gateway.practice.consent_receipts import ConsentReceipt, Part

MEDIA_TYPE = "application/pdf"
CHINESE, LATIN, BOLD = "STSong-Light", "Helvetica", "Helvetica-Bold"
QUIET = 4
"""Light modules around a QR code (ISO/IEC 18004, section 6.3.8)."""
QR_MM, SIDE_MM, ABOVE_MM, LABEL_MM, WIDTH_MM = 30, 20, 13, 42, 165

_WIDE = re.compile("[^\x20-\xff\u2013\u2014\u2018\u2019\u201c\u201d\u2026]+")
_NARROW = re.compile("[\x21-\x7e][\x20-\x7e]*")
_BEYOND = re.compile("[^\x20-\uffff]|[\ud800-\udfff]")

pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


def paper(receipt: ConsentReceipt) -> bytes:
    """Set a receipt; A4, as many pages as it needs."""
    made = io.BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=SIDE_MM * mm,
        rightMargin=SIDE_MM * mm,
        topMargin=ABOVE_MM * mm,
        bottomMargin=ABOVE_MM * mm,
        title=receipt.title,
        author=receipt.keeper,
        lang=receipt.language,
    )
    setting = _Setting(receipt.language)
    document.build(setting.flow(receipt))
    return made.getvalue()


class _Setting:
    def __init__(self, language: str) -> None:
        self._chinese = language == "zh-CN"
        self._plain = self._style(10, 14.5)
        self._small = self._style(8.5, 12, textColor=colors.HexColor("#444444"))
        self._label = self._style(9, 14.5, textColor=colors.HexColor("#444444"))
        self._strong = self._style(12.5, 19, spaceBefore=4, spaceAfter=4)
        self._head = self._style(12, 18, bold=True, spaceBefore=6, spaceAfter=2)
        self._title = self._style(19, 26, bold=True, spaceAfter=4)

    def _style(self, size: float, leading: float, *, bold: bool = False, **more: Any) -> Any:
        font = CHINESE if self._chinese else BOLD if bold else LATIN
        wrap = "CJK" if self._chinese else None
        return ParagraphStyle(
            "", fontName=font, fontSize=size, leading=leading, wordWrap=wrap, **more
        )

    def flow(self, receipt: ConsentReceipt) -> list[Any]:
        """Give everything in order, from the head line to the small print."""
        made = [
            self._text(receipt.title, self._title),
            self._text(receipt.about, self._plain),
            self._text(receipt.sentence, self._strong),
            *(self._text(f"- {each}", self._plain) for each in receipt.lines),
        ]
        made += [self._part(each) for each in receipt.parts]
        check = [
            self._text(receipt.check, self._plain),
            self._text(receipt.address, self._small),
        ]
        grid = Table(
            [[_qr(receipt.address), check]],
            colWidths=[LABEL_MM * mm, (WIDTH_MM - LABEL_MM) * mm],
            hAlign="LEFT",
        )
        edges = [("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]
        grid.setStyle(TableStyle(edges))
        return [*made, KeepTogether([grid]), self._text(receipt.small, self._small)]

    def _part(self, part: Part) -> Any:
        rows = [
            [self._text(label, self._label), self._text(value, self._plain)]
            for label, value in part.rows
        ]
        columns = [LABEL_MM * mm, (WIDTH_MM - LABEL_MM) * mm]
        grid = Table(rows, colWidths=columns, hAlign="LEFT")
        grid.setStyle(
            TableStyle(
                [
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("TOPPADDING", (0, 0), (-1, -1), 1),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
                    ("LINEABOVE", (0, 0), (-1, 0), 0.5, colors.HexColor("#999999")),
                ]
            )
        )
        return KeepTogether([self._text(part.heading, self._head), grid])

    def _text(self, text: str, style: Any) -> Any:
        """Set a text, each script in type of its own."""
        # The encoding of the Chinese type ends with the Basic Multilingual Plane.
        marked = escape(_BEYOND.sub("\u3013", text), quote=False)
        other, runs = (LATIN, _NARROW) if self._chinese else (CHINESE, _WIDE)
        marked = runs.sub(lambda found: f'<font name="{other}">{found[0]}</font>', marked)
        return Paragraph(marked, style)


def _qr(text: str) -> Drawing:
    """Draw the QR code of a text (ISO/IEC 18004), with error correction level M or better."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    count = len(rows) + 2 * QUIET
    side = QR_MM * mm / count
    drawing = Drawing(QR_MM * mm, QR_MM * mm)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                left, below = (x + QUIET) * side, (count - QUIET - 1 - y) * side
                drawing.add(Rect(left, below, side, side, fillColor=colors.black, strokeWidth=0))
    return drawing
