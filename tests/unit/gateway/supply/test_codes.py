"""Codes: every form is read as it was written, and nothing is guessed."""

from __future__ import annotations

import string
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_messages import GS1Message
from biip.gtin import Gtin
from hypothesis import given
from hypothesis import strategies as st

from yilian.gateway.epcis import identifiers
from yilian.gateway.http.supply_page import refused_page
from yilian.gateway.problems import document
from yilian.gateway.supply import codes, element_strings, health_labels
from yilian.gateway.supply.code_form import CODE_UNREADABLE, Code
from yilian.ledger.errors import Refusal

GS = "\x1d"
GTIN = "09506000134352"
SSCC = "106141412345678908"
CHARACTERS = "!\"%&'()*+,-./:;<=>?_" + string.ascii_letters + string.digits


def read(text: str, year: int = 2026) -> Code:
    """Read in a fixed year."""
    return codes.read(text, year=year)


def refused(text: str, **parameters: str) -> None:
    """Expect the refusal, with its parameters where they matter."""
    with pytest.raises(Refusal) as caught:
        read(text)
    assert caught.value.code is CODE_UNREADABLE
    assert parameters.items() <= caught.value.parameters.items(), caught.value.parameters


@contextmanager
def suppress_unreadable() -> Iterator[None]:
    """Let the one refusal pass."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code is not CODE_UNREADABLE:
            raise


WHOLE = Code(
    kind="gs1",
    text="",
    gtin=GTIN,
    serial="A1B2",
    lot="L7",
    expiry="2027-03-31",
    udi="",
    id=f"https://id.gs1.org/01/{GTIN}/21/A1B2",
)


@pytest.mark.parametrize(
    "text",
    [
        f"01{GTIN}21A1B2{GS}1727033110L7",
        f"01{GTIN}21A1B2{GS}1727033110L7{GS}",
        f"{GS}01{GTIN}1727033121A1B2{GS}10L7",
        f"]d201{GTIN}1727030010L7{GS}21A1B2",
        f"]C101{GTIN}1727033110L7{GS}21A1B2",
        f"]Q301{GTIN}1727033110L7{GS}21A1B2",
        f"]d101{GTIN}1727033110L7{GS}21A1B2",
        f"(01){GTIN}(21)A1B2(17)270331(10)L7",
        f"(01) {GTIN} (21) A1B2 (17) 270331 (10) L7\r\n",
        f"（01）{GTIN}（21）Ａ１Ｂ２（17）２７０３３１（10）Ｌ７",
        f"https://id.gs1.org/01/{GTIN}/10/L7/21/A1B2?17=270331",
        f"HTTPS://example.cn/m/x/01/{GTIN[1:]}/10/L7/21/A1B2?17=270331&linkType=gs1:pip",
        f"http://shop.example/gtin/{GTIN}/lot/L7/ser/A1B2?exp=270331#top",
        f"https://example.cn/01/{GTIN}?21=A1B2&10=L7&17=270300",
        f"\ufeff\u200bhttps://id.gs1.org/01/{GTIN}/10/L7/21/A1B2?17=270331\u3000",
    ],
)
def test_the_same_pack_however_it_is_written(text: str) -> None:
    """Scanner, print, link, and what a Chinese input method makes of them."""
    assert read(text)._replace(text="", udi="") == WHOLE


def test_the_published_device_identification() -> None:
    """The FDA's example of a UDI, all five elements; its GTIN has a check digit."""
    code = read("(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234")
    assert (code.gtin, code.made, code.expiry) == ("51022222233336", "2014-12-31", "2015-07-07")
    assert (code.lot, code.serial) == ("A213B1", "1234")
    assert code.udi == "(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234"


@pytest.mark.parametrize(
    ("text", "kind", "number", "link"),
    [
        (GTIN, "gs1", "", f"https://id.gs1.org/01/{GTIN}"),
        (GTIN[1:], "gs1", "", f"https://id.gs1.org/01/{GTIN}"),
        ("９５０６０００１３４３５２", "gs1", "", f"https://id.gs1.org/01/{GTIN}"),
        ("950 6000 134352", "gs1", "", f"https://id.gs1.org/01/{GTIN}"),
        ("614141123452", "gs1", "", "https://id.gs1.org/01/00614141123452"),
        ("95050003", "gs1", "", "https://id.gs1.org/01/00000095050003"),
        (SSCC, "sscc", SSCC, f"https://id.gs1.org/00/{SSCC}"),
        (f"(00){SSCC}", "sscc", SSCC, f"https://id.gs1.org/00/{SSCC}"),
        (f"]C100{SSCC}", "sscc", SSCC, f"https://id.gs1.org/00/{SSCC}"),
        (f"https://id.gs1.org/00/{SSCC}", "sscc", SSCC, f"https://id.gs1.org/00/{SSCC}"),
        (
            "urn:epc:id:sgtin:0614141.107346.2017",
            "gs1",
            "",
            "https://id.gs1.org/01/10614141073464/21/2017",
        ),
        (
            "URN:EPC:id:sgtin:0614141.107346.2017",
            "gs1",
            "",
            "https://id.gs1.org/01/10614141073464/21/2017",
        ),
        (
            "urn:epc:id:sscc:0614141.1234567890",
            "sscc",
            "106141412345678908",
            f"https://id.gs1.org/00/{SSCC}",
        ),
        (
            "urn:epc:class:lgtin:4012345.012345.998877",
            "gs1",
            "",
            "https://id.gs1.org/01/04012345123456/10/998877",
        ),
        ("urn:epc:idpat:sgtin:4012345.012345.*", "gs1", "", "https://id.gs1.org/01/04012345123456"),
        ("81234567890123456789", "trace_code", "81234567890123456789", ""),
        ("8123456 789012345 6789", "trace_code", "81234567890123456789", ""),
        ("+A123BJC5D6E71G", "hibc", "A123BJC5D6E71", ""),
        ("=G12348965432100", "isbt128", "G123489654321", ""),
        ("G123489654321Y", "isbt128", "G123489654321", ""),
        ("G1234 89 654321 Y", "isbt128", "G123489654321", ""),
        ("=G12348965432194", "isbt128", "G123489654321", ""),
    ],
)
def test_each_kind_is_recognised(text: str, kind: str, number: str, link: str) -> None:
    """By prefix, length and check digits."""
    code = read(text)
    assert (code.kind, code.number, code.id) == (kind, number, link)


def test_a_trace_code_has_two_parts() -> None:
    """Seven digits identify the drug, thirteen the pack."""
    code = read("81234567890123456789")
    assert (code.drug_code, code.serial) == ("8123456", "7890123456789")


def test_what_two_forms_would_read_differently_is_refused() -> None:
    """A logistic unit's code without any mark has as many digits as a trace code."""
    refused(f"00{SSCC}", seen="digits", reason="trace_code_or_gs1")
    assert codes.read(f"00{SSCC}", prefer="gs1").number == SSCC
    assert codes.read(f"00{SSCC}", prefer="trace_code").drug_code == f"00{SSCC}"[:7]
    refused(f"01{GTIN}1012", seen="digits", reason="trace_code_or_gs1")
    # With a wrong check digit it can be one thing alone.
    assert read(f"00{SSCC[:-1]}9").kind == "trace_code"
    with pytest.raises(Refusal):
        codes.read(f"00{SSCC[:-1]}9", prefer="gs1")


@pytest.mark.parametrize(
    ("text", "seen", "reason"),
    [
        ("", "text", "empty"),
        (" \r\n\u3000", "text", "empty"),
        ("1" * 513, "text", "too_long"),
        ("扫一扫", "text", "characters"),
        (f"01{GTIN}21A\x001", "text", "characters"),
        (f"01{GTIN}\ud800", "text", "characters"),
        ("hello", "text", "structure"),
        ("09506000134353", "gtin", "check_digit"),
        ("106141412345678907", "sscc", "check_digit"),
        ("12345", "element_string", "structure"),
        ("]d20109506000134353", "gtin", "check_digit"),
        (f"(01){GTIN}(21)", "element_string", "structure"),
        (f"(01){GTIN}(21)A(B)", "element_string", "structure"),
        (f"(01){GTIN}(99999)A", "element_string", "structure"),
        (f"(01){GTIN}(21)" + "A" * 21, "element_string", "structure"),
        (f"01{GTIN}21" + "A" * 21, "element_string", "structure"),
        (f"01{GTIN}17271331", "element_string", "structure"),
        (f"01{GTIN}17270230", "element_string", "date"),
        (f"01{GTIN}1729022921A", "element_string", "date"),
        (f"01{GTIN}21A{GS}21B", "element_string", "repeated"),
        (f"01{GTIN}01{SSCC[:14]}", "element_string", "repeated"),
        ("(414)9506000134352", "element_string", "no_pack"),
        ("(17)270331(10)L7", "element_string", "no_pack"),
        (f"(00){SSCC}(01){GTIN}", "element_string", "no_pack"),
        ("https://id.gs1.org/414/9506000134352", "digital_link", "structure"),
        ("https://example.cn/p/12345", "digital_link", "structure"),
        ("https:///01/09506000134352", "digital_link", "structure"),
        ("https://[x/01/09506000134352", "digital_link", "structure"),
        (f"https://id.gs1.org/01/{GTIN}/21", "digital_link", "structure"),
        (f"https://id.gs1.org/01/{GTIN}/99/A", "digital_link", "structure"),
        (f"https://id.gs1.org/01/{GTIN}/21/A%20B", "element_string", "structure"),
        ("https://id.gs1.org/01/09506000134353", "gtin", "check_digit"),
        ("https://id.gs1.org/AQnYUc1gmiCNV4JG", "digital_link", "compressed"),
        (f"https://id.gs1.org/01/{GTIN}/AQnYUc1gmiCNV4JG", "digital_link", "compressed"),
        ("https://example.cn/products/our-new-product", "digital_link", "structure"),
        ("https://example.cn/Products2026", "digital_link", "compressed"),
        ("urn:isbn:0451450523", "epc_urn", "structure"),
        ("urn:epc:id:sgln:0614141.12345.400", "epc_urn", "no_pack"),
        ("urn:epc:id:sgtin:0614141.1.2017", "epc_urn", "structure"),
        ("+A123BJC5D6E71H", "hibc", "check_character"),
        ("+A123bJC5D6E71G", "hibc", "characters"),
        ("+8", "hibc", "check_character"),
        ("G123489654321X", "isbt128", "check_character"),
        ("=G12348965432193", "isbt128", "check_character"),
        ("=<E0421V00", "isbt128", "structure"),
        ("G123489654321", "text", "structure"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(text: str, seen: str, reason: str) -> None:
    """The hint says what it looked like and what is wrong, never the code itself."""
    refused(text, seen=seen, reason=reason)


@pytest.mark.parametrize(
    "text",
    [
        f"01{GTIN}21ABC12317270331",
        f"01{GTIN}21ABC1231727033110L7",
        f"01{GTIN}10L717270300",
    ],
)
def test_a_lost_separator_is_seen(text: str) -> None:
    """A scanner that drops FNC1 makes one serial number of two fields: no pack has it."""
    refused(text, seen="element_string", reason="separator_missing")


def test_a_symbol_that_kept_its_separators_may_hold_such_a_serial() -> None:
    """What looks like a date is part of the serial number then."""
    assert read(f"]d201{GTIN}21ABC12317270331").serial == "ABC12317270331"
    assert read(f"(01){GTIN}(21)ABC12317270331").serial == "ABC12317270331"
    assert read(f"01{GTIN}17270331{GS}21ABC12317270331").serial == "ABC12317270331"


@pytest.mark.parametrize(
    ("digits", "year", "expected"),
    [
        ("270300", 2026, "2027-03-31"),
        ("280200", 2026, "2028-02-29"),
        ("270200", 2026, "2027-02-28"),
        ("760101", 2026, "2076-01-01"),
        ("770101", 2026, "1977-01-01"),
        ("010101", 2099, "2101-01-01"),
        ("490101", 2099, "2149-01-01"),
        ("500101", 2099, "2050-01-01"),
        ("991231", 2000, "1999-12-31"),
        ("000229", 2000, "2000-02-29"),
    ],
)
def test_day_zero_and_the_century(digits: str, year: int, expected: str) -> None:
    """GS1 General Specifications 7.12: 50 years ahead, 49 back; 00 is the month's last day."""
    assert element_strings.date_of(digits, year) == expected


@given(st.dates(date(1978, 1, 1), date(2075, 12, 31)))
def test_any_date_comes_back(day: date) -> None:
    """Within the century around the year."""
    assert element_strings.date_of(day.strftime("%y%m%d"), 2026) == day.isoformat()


def gtins() -> st.SearchStrategy[str]:
    """Any GTIN of 14 digits."""
    return st.from_regex(r"[0-9]{13}", fullmatch=True).map(
        lambda each: each + identifiers.check_digit(each)
    )


@given(
    gtins(),
    st.text(CHARACTERS, min_size=1, max_size=20),
    st.text(CHARACTERS, min_size=1, max_size=20),
    st.dates(date(1978, 1, 1), date(2075, 12, 31)),
    st.permutations(["17", "10", "21"]),
)
def test_an_element_string_comes_back(
    gtin: str, serial: str, lot: str, day: date, order: list[str]
) -> None:
    """Any GTIN, serial, lot and date in any order; the reference reader reads the same."""
    said = {"17": day.strftime("%y%m%d"), "10": lot, "21": serial}
    text = f"01{gtin}" + "".join(name + said[name] + ("" if name == "17" else GS) for name in order)
    code = read("]d2" + text)
    assert (code.gtin, code.serial, code.lot) == (gtin, serial, lot)
    assert code.expiry == day.isoformat()
    reference = GS1Message.parse(text)
    assert {each.ai.ai: each.value for each in reference.element_strings} == {"01": gtin, **said}
    assert code.udi == reference.as_hri()
    parts = identifiers.parts(code.id)
    assert (parts.gtin14, parts.serial) == (gtin, serial)
    assert read(code.id).id == code.id


@given(gtins(), st.text(CHARACTERS, min_size=1, max_size=20))
def test_a_digital_link_of_the_reference_comes_back(gtin: str, serial: str) -> None:
    """What the reference writes as a link is read as the same pack."""
    message = GS1Message.parse(f"01{gtin}21{serial}")
    link = GS1DigitalLinkURI.from_element_strings(message.element_strings).as_uri()
    code = read(link)
    assert (code.gtin, code.serial) == (gtin, serial)


@given(gtins(), st.integers(0, 13), st.integers(1, 9))
def test_every_single_wrong_digit_is_caught(gtin: str, place: int, off: int) -> None:
    """Mod 10 catches them all, as the reference does."""
    wrong = gtin[:place] + str((int(gtin[place]) + off) % 10) + gtin[place + 1 :]
    refused(f"(01){wrong}", seen="gtin", reason="check_digit")
    assert read(f"(01){gtin}").gtin == Gtin.parse(gtin).as_gtin_14()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else comes out of it."""
    code: Code | None = None
    with suppress_unreadable():
        code = read(text)
    assert code is None or code.id or code.number


@given(st.text(alphabet="01729+=()/$]d2ABC \x1dhtps:.", max_size=60))
def test_any_text_of_codes_characters_is_read_or_refused(text: str) -> None:
    """Nearer to codes than any text."""
    test_any_text_is_read_or_refused.hypothesis.inner_test(text)  # type: ignore[attr-defined]


# HIBC and ISBT 128 ----------------------------------------------------------------------------


def hibc(rest: str) -> Code:
    """Read a label with a right check character."""
    text = f"+A99912345/{rest}"
    return read(text + health_labels.check_43(text))


@pytest.mark.parametrize(
    ("rest", "lot", "serial", "expiry", "made"),
    [
        ("$$52001510X3", "10X3", "", "2020-01-15", ""),
        ("$$30905LOT", "", "", "", ""),
        ("$$0905LOT", "LOT", "", "2005-09-30", ""),
        ("$$2092805LOT", "LOT", "", "2005-09-28", ""),
        ("$$3050928LOT", "LOT", "", "2005-09-28", ""),
        ("$$405092822LOT", "LOT", "", "2005-09-28", ""),
        ("$$505271LOT", "LOT", "", "2005-09-28", ""),
        ("$$60527122LOT", "LOT", "", "2005-09-28", ""),
        ("$$7LOT", "LOT", "", "", ""),
        ("$$82420905LOT", "", "", "", ""),
        ("$$8240905LOT", "LOT", "", "2005-09-30", ""),
        ("$$824/SXYZ", "", "XYZ", "", ""),
        ("$$8243050928LOT", "LOT", "", "2005-09-28", ""),
        ("$$9000243050928LOT", "LOT", "", "2005-09-28", ""),
        ("$$+3050928SER", "", "SER", "2005-09-28", ""),
        ("$LOT", "LOT", "", "", ""),
        ("$+SER", "", "SER", "", ""),
        ("05271LOT", "LOT", "", "2005-09-28", ""),
        ("$LOT/SXYZ45/14D20280229/16D20130202", "LOT", "XYZ45", "2028-02-29", "2013-02-02"),
        ("$LOT/Q12", "LOT", "", "", ""),
    ],
)
def test_hibc_lots_serials_and_dates(
    rest: str, lot: str, serial: str, expiry: str, made: str
) -> None:
    """Every flag of the secondary field; two rows hold a date that no calendar has."""
    if not lot and not serial:
        with pytest.raises(Refusal):
            hibc(rest)
        return
    code = hibc(rest)
    assert (code.lot, code.serial, code.expiry, code.made) == (lot, serial, expiry, made)
    assert code.number == "A99912345"


def test_the_published_hibc_label() -> None:
    """From the standard: labeler A999, product 1234, unit 5, 15 January 2020, lot 10X3."""
    assert read("+A99912345/$$52001510X33").lot == "10X3"


@pytest.mark.parametrize("rest", ["$LOT/14D20280230", "$LOT/X1", "$$5053670", "$a", "1234"])
def test_hibc_labels_that_say_what_cannot_be(rest: str) -> None:
    """Days past the year's end, unknown fields."""
    with pytest.raises(Refusal):
        read(f"+A99912345/{rest}A")


def test_a_secondary_hibc_label_alone_names_no_product() -> None:
    """Some packs carry two bars."""
    text = "+$$3050928LOTG"
    refused(text + health_labels.check_43(text), seen="hibc", reason="no_pack")


def test_a_space_may_be_the_check_character() -> None:
    """In print it is an underscore."""
    for number in range(10_000):
        text = f"+A999{number}1"
        if health_labels.check_43(text) == " ":
            assert read(text + " ").number == text[1:]
            assert read(text + "_").number == text[1:]
            assert read(text + " \r\n").number == text[1:]
            return
    pytest.fail("none has a space")


@given(st.from_regex(r"[A-NP-Z][0-9]{12}", fullmatch=True), st.integers(0, 12), st.data())
def test_a_wrong_character_of_a_donation_number_is_caught(
    number: str, place: int, data: st.DataObject
) -> None:
    """Mod 37-2 catches every single substitution."""
    check = health_labels.check_37(number)
    assert read(number + check).number == number
    pool = "ABCDEFGHJKLMN" if place == 0 else string.digits
    other = data.draw(st.sampled_from([each for each in pool if each != number[place]]))
    refused(number[:place] + other + number[place + 1 :] + check, reason="check_character")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "It looks like a product number (GTIN). What is wrong: its check digit is wrong"),
        ("zh-CN", "看起来像商品编号（GTIN）。问题：校验位不对"),
    ],
)
def test_why_a_code_is_not_read_is_told_in_the_readers_words(language: str, words: str) -> None:
    """On the page without a script, and in the problem document that all other readers show."""
    with pytest.raises(Refusal) as caught:
        read("9520001000011")
    told = document(caught.value, language)
    assert told["parameters"] == {"reason": "check_digit", "seen": "gtin"}
    assert words in told["detail"]
    page = refused_page(caught.value, language)
    assert words in page
    assert "check_digit" not in page
