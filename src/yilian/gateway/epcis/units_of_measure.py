"""Units of measure, and what one is in another: for the measurement types of CBV 2.0.

Codes and sizes are those of UN/ECE Recommendation 20. The base of a kind is chosen so that each of
its units is a whole decimal of it, where that is possible: ninths of a kelvin for temperatures,
seconds of arc for angles, kilometres per hour for speeds. Nothing is rounded then, and a reading of
4 CEL is exactly one of 277.15 KEL. Where a size is no finite decimal, it is the Recommendation's.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import NamedTuple

_WIDE = Context(prec=400, Emin=MIN_EMIN, Emax=MAX_EMAX)


class Unit(NamedTuple):
    """A unit: `base` names its kind; a value times `factor`, plus `offset`, is one of the base."""

    base: str
    factor: Decimal
    offset: Decimal = Decimal(0)

    def to_base(self, value: Decimal | int, *, difference: bool = False) -> Decimal:
        """Give a value of this unit as one of its base; a difference knows no zero point."""
        scaled = _WIDE.multiply(Decimal(value), self.factor)
        return scaled if difference else _WIDE.add(scaled, self.offset)


_TABLE = {
    "length": (
        "MTR 1 MMT .001 CMT .01 DMT .1 KMT 1000 HMT 100 A45 10 4H 1e-6 C45 1e-9 C52 1e-12 A11 1e-10"
        " INH .0254 FOT .3048 YRD .9144 SMI 1609.344 NMI 1852"
    ),
    "mass": (
        "KGM 1 GRM .001 MGM 1e-6 MC 1e-9 TNE 1000 CGM 1e-5 DG 1e-4 DJ .01 HGM .1 DTN 100 2U 1000"
        " KTN 1e6 LBR .45359237 ONZ .028349523125 STN 907.18474 LTN 1016.0469088 STI 6.35029318"
        " GRN 6.479891e-5 APZ .0311034768 CWA 45.359237 CWI 50.80234544"
    ),
    "volume": (
        "MTQ 1 LTR .001 MLT 1e-6 CMQ 1e-6 DMQ .001 MMQ 1e-9 HLT .1 CLT 1e-5 DLT 1e-4 4G 1e-9 K6 1"
        " A44 .01 INQ 1.6387064e-5 FTQ .028316846592 YDQ .764554857984 GLL .003785411784"
        " GLI .00454609 PTL .000473176473 PTI .00056826125 QTL .000946352946 QTI .0011365225"
        " OZA 2.95735295625e-5 OZI 2.84130625e-5 BLL .158987294928"
    ),
    "time": (
        "SEC 1 MIN 60 HUR 3600 DAY 86400 WEE 604800 MON 2629800 ANN 31557600 C26 .001 B98 1e-6"
        " C47 1e-9"
    ),
    "pressure": (
        "PAL 1 KPA 1000 MPA 1e6 BAR 1e5 MBR 100 A97 100 ATM 101325 ATT 98066.5 74 .001 B96 1e-6"
        " UA 133.3224 HN 133.3224 PS 6894.757 F79 3386.39 A89 1e9"
    ),
    "ratio": "C62 1 P1 .01 NX .001 59 1e-6 61 1e-9 E40 1e-5 L19 .001",
    "density": (
        "KMQ 1 A93 .001 GP 1e-6 GQ 1e-9 GL 1 23 1000 M1 .001 H29 1e-6 GJ 1000 B35 1000 F23 1"
        " B34 1000 D41 1000 G31 1e6"
    ),
    "absorbed dose": "A95 1 C13 .001 C80 .01",
    "absorbed dose rate": (
        "A96 3600 P54 3.6 P55 .0036 P56 3.6e-6 P57 60 P58 .06 P59 6e-5 P60 6e-8 P61 1 P62 .001"
        " P63 1e-6 P64 1e-9"
    ),
    "dose equivalent": "D13 1 C28 .001 D91 .01",
    "dose equivalent rate": (
        "P65 3600 P66 3.6 P67 .0036 P68 3.6e-6 P69 36 P70 1 P71 .001 P72 1e-6 P73 1e-9"
    ),
    "acceleration": (
        "MSK 1 A76 .01 C11 1e-5 K40 9.80665 A73 .3048 IV .0254 M38 1000 M39 .01 M41 .001"
    ),
    "radioactivity": (
        "BQL 1 2Q 1000 4N 1e6 GBQ 1e9 CUR 3.7e10 MCU 3.7e7 M5 3.7e4 H08 1e-6 2R 3.7e13"
    ),
    "amount of substance": "C34 1 B45 1000 C18 .001 FH 1e-6",
    "amount of substance per volume": "C36 1 C38 1000 B46 1000 C35 1000 M33 1",
    "angle": (
        "D62 1 D61 60 DD 3600 A91 3240 M43 202.5 C81 206264.8062470963551564733573307786"
        " C25 206.2648062470963551564733573307786 B97 .2062648062470963551564733573307786"
    ),
    "angular velocity": "E96 1 2A 57.29577951308232087679815481410517",
    "angular acceleration": "M45 1 2B 57.29577951308232087679815481410517",
    "area": (
        "MTK 1 CMK 1e-4 MMK 1e-6 DMK .01 KMK 1e6 HAR 10000 ARE 100 H16 100 H18 10000 INK .00064516"
        " FTK .09290304 YDK .83612736 MIK 2589988.110336"
    ),
    "capacitance": "FAR 1 4O 1e-6 4T 1e-12 C41 1e-9 C10 .001",
    "conductance": "SIE 1 C27 .001 B53 1000 B99 1e-6",
    "conductivity": "D10 1 H43 100 H61 .1 G42 1e-4 G43 1e-6 B54 1000 B77 1e6",
    "dynamic viscosity": "C65 1 C24 .001 89 .1 C7 .001 N37 1",
    "electric charge": (
        "COU 1 AMH 3600 TAH 3600000 E09 3.6 B26 1000 D77 1e6 D86 .001 B86 1e-6 C40 1e-9 C71 1e-12"
    ),
    "electric current": "AMP 1 4K .001 B84 1e-6 C39 1e-9 C70 1e-12 B22 1000 H38 1e6",
    "electric current density": "A41 1 A7 1e6 B23 1000 A4 10000",
    "electric field strength": "D50 1 D47 100 D51 1000 C30 .001 B55 1000 B79 1e6 C3 1e-6",
    "energy": (
        "JOU 1 KJO 1000 3B 1e6 GV 1e9 C15 .001 WHR 3600 KWH 3600000 MWH 3.6e9 GWH 3.6e12 D70 4.1868"
        " E14 4186.8 D35 4.184 K53 4184 BTU 1055.056"
    ),
    "torque": "NU 1 DN .1 J72 .01 D83 .001 B48 1000 B74 1e6 B93 1e-6",
    "exposure": "CKG 1 C8 .001 2C .000258 2Y 2.58e-7",
    "force": (
        "NEW 1 B47 1000 B73 1e6 C20 .001 B92 1e-6 DU 1e-5 C78 4.4482216152605 B37 9.80665"
        " B51 9.80665"
    ),
    "frequency": "RPM 1 RPS 60 HTZ 60 KHZ 60000 MHZ 6e7 A86 6e10 D29 6e13",
    "illuminance": "LUX 1 KLX 1000 P27 10.76391",
    "inductance": "81 1 C14 .001 B90 1e-6 C43 1e-9 C73 1e-12",
    "irradiance": "D54 1 N48 10000 C32 .001 D85 1e-6",
    "kinematic viscosity": "S4 1 4C 1e-6 91 .0001 C17 1e-6 M81 .0001",
    "luminous intensity": "CDL 1 P34 .001 P33 1000",
    "magnetic flux": "WEB 1 C33 .001 P11 1000",
    "magnetic flux density": "D33 1 C29 .001 D81 1e-6 C48 1e-9 P13 1000 P12 1e-9",
    "mass flow": "E93 1 F31 60 KGS 3600",
    "memory": (
        "A99 1 AD 8 2P 8000 4L 8e6 E34 8e9 E35 8e12 C37 1000 D36 1e6 B68 1e9 E64 8192 E63 8388608"
        " E62 8589934592 E61 8796093022208"
    ),
    "molality": "C19 1 D87 .001",
    "molar energy": "B15 1 B44 1000",
    "molar mass": "D74 1 A94 .001",
    "molar volume": "A40 1 A37 .001 A36 1e-6 B58 .001",
    "power": "WTT 1 KWT 1000 MAW 1e6 A90 1e9 C31 .001 D80 1e-6 BHP 745.7 HJ 735.49875",
    "resistance": "OHM 1 B49 1000 B75 1e6 E45 .001 B94 1e-6 A87 1e9 P22 1e-9 H44 1e12",
    "resistivity": "C61 1 C60 .01 B50 1000 B76 1e6 B95 1e-6 C46 1e-9",
    "specific volume": "A39 1 22 .1 H83 .001",
    "speed": (
        "KMH 1 MTS 3.6 HM 1.609344 KNT 1.852 2M .036 C16 .0036 2X .06 FS 1.09728 FR .018288"
        " M62 3600"
    ),
    "surface density": "28 1 GM .001 GO 1e-6 D5 10000",
    "surface tension": "4P 1 C22 .001",
    "voltage": "VLT 1 2Z .001 KVT 1000 B78 1e6 D82 1e-6",
    "volume flow": (
        "MQH 1 MQS 3600 G53 60 L2 .06 E32 .001 G51 3.6 41 6e-5 40 .0036 2K .028316846592"
        " 2L 1.69901079552 G2 .22712470704"
    ),
    "wavenumber": "C92 1 E90 100",
}


def _units() -> dict[str, Unit]:
    found = {
        code: Unit(kind, Decimal(factor))
        for kind, told in _TABLE.items()
        for code, factor in zip(told.split()[::2], told.split()[1::2], strict=True)
    }
    for code, factor, offset in (
        ("KEL", "9", "0"),
        ("CEL", "9", "2458.35"),
        ("FAH", "5", "2298.35"),
        ("A48", "5", "0"),
    ):
        found[code] = Unit("temperature", Decimal(factor), Decimal(offset))
    return found


_UNITS = _units()


def unit(code: str) -> Unit:
    """Find a unit by its code; one that is not known here is a kind of its own."""
    return _UNITS.get(code) or Unit(code, Decimal(1))
