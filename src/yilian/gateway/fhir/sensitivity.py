"""What a resource says that is sensitive by law or custom, whether or not its sender labelled it.

Small tables, wide rather than narrow: a record that is closed by mistake is opened by its patient,
one that is open by mistake is not closed again. Any coding and any name of a concept counts, where-
ever it stands: a test that came out negative tells that it was made, and a bill tells what for.

Labels are the HL7 v3 ActCode values of `InformationSensitivityPolicy` (`HIV`, `PSY`, `ETH`, ...) in
lower case. Sources of the tables:

    ICD-10       WHO, ICD-10 version 2019, and its Chinese (GB/T 14396) and US (ICD-10-CM) editions
    ATC          WHO Collaborating Centre, ATC index
    LOINC        Regenstrief, LOINC 2.7x
    SNOMED CT    SNOMED International, International edition; the long one is of the US edition

They are not complete, and cannot be: what a free text says between the lines is not found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

ORDER = ("hiv", "psy", "sdv", "eth", "ethud", "opioidud", "sex", "std", "gdis")
"""All labels; where several fit, the first is the record's."""

_LOINC = "http://loinc.org"
_SNOMED = "http://snomed.info/sct"

PREFIXES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "icd-10": {
            "hiv": "B20 B21 B22 B23 B24 F02.4 O98.7 R75 Z11.4 Z20.6 Z21 Z71.7",
            "psy": "F2 F3 F4 F5 F6 F7 F8 F9 R45.8 X6 X7 X80 X81 X82 X83 X84 Z91.5",
            "sdv": "T74 T76 Y05 Y06 Y07 Z04.4 Z61.4 Z61.5 Z61.6",
            "eth": "F12 F13 F14 F15 F16 F18 F19 T40.5 T40.7 Z50.3 Z71.5 Z72.2",
            "ethud": "F10 G31.2 K70 Z50.2 Z71.4 Z72.1",
            "opioidud": "F11 T40.0 T40.1",
            "sex": "O03 O04 O05 O06 O07 O08 Z30.3 Z33.2 Z64.0",
            "std": "A50 A51 A52 A53 A54 A55 A56 A57 A58 A59 A60 A63 A64 Z11.3 Z20.2",
            "gdis": "Q9 G10 E84 D57 Z14 Z15 Z31.5",
        },
        "atc": {
            "hiv": "J05AE J05AG J05AJ J05AR J05AF01 J05AF02 J05AF04 J05AF06",
            "psy": "N05A N06A",
            "ethud": "N07BB",
            "opioidud": "N07BC",
            "sex": "G03XB",
        },
    }
)
"""By how a code begins. Of ICD-10's chapter V, dementia (F00 to F09) and tobacco (F17) are out."""

EXACT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        _LOINC: {
            "hiv": "7917-8 7918-6 20447-9 25836-8 29893-5 30361-0 31201-7 48345-3 55277-8 56888-1 "
            "68961-2 75622-1",
            "psy": "44249-1 44261-6 55758-7 69737-5 70274-6 73831-0 73832-8",
            "sdv": "76499-3 76504-0",
            "eth": "3397-7 3426-4 82666-9 82667-7",
            "ethud": "72109-2 75624-7 75626-2",
            "opioidud": "3879-4 19295-5",
            "sex": "11612-5 11613-3 11614-1",
            "std": "5292-8 20507-0 21613-5 22587-0 24111-7",
            "gdis": "48018-6 51969-4 55233-1 69548-6 81247-9",
        },
        _SNOMED: {
            "hiv": "31676001 62479008 86406008 91947003 165815009 165816005 171121004",
            "psy": "6471006 13746004 33449004 35489007 36923009 47505003 58214004 66344007 "
            "69322001 72366004 74732009 82313006 171207006 191736004 197480006 370143000 406506008",
            "sdv": "397940009 706893006",
            "eth": "6525002 26416006 31956009 66214007 191816009 361055000",
            "ethud": "7200002 15167005 284591009 10939881000119105",
            "opioidud": "5602001 75544000 231477003",
            "sex": "5880005 17369002 57797005 386639001",
            "std": "15628003 33839006 76272004 165829005 240589008 266113007 269828009",
            "gdis": "41040004 58756001 190905008 405824009 412734009 412738007",
        },
    }
)

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "hiv": r"(?<![a-z])(hiv|aids)(?![a-z])|human immunodeficiency|艾滋|免疫缺陷病毒",
        "psy": r"schizophren|bipolar (disorder|affective)|psychosis|psychotic|suicid"
        r"|depressi(ve disorder|on screening)|major depression|精神分裂|精神障碍|双相情感|抑郁|自杀"
        r"|焦虑障碍|焦虑症",
        "sdv": r"sexual (assault|abuse)|(?<![a-z])rape(?![a-z])|domestic (violence|abuse)"
        r"|intimate partner (violence|abuse)|性侵|强奸|家庭暴力|家暴",
        "eth": r"(substance|drug) (abuse|dependence|use disorder)|addiction|吸毒|戒毒|毒瘾"
        r"|药物(依赖|滥用)",
        "ethud": r"alcoholism|alcohol (abuse|dependence|use disorder)|酒精(依赖|滥用|中毒)|酗酒",
        "opioidud": r"(opioid|opiate|heroin) (abuse|dependence|use disorder)|海洛因"
        r"|阿片类?(依赖|滥用)",
        "sex": r"abortion|termination of pregnancy|人工流产|药物流产|引产|终止妊娠",
        "std": r"syphilis|treponema pallidum|gonorrh|chlamydia trachomatis|genital (herpes|wart)"
        r"|梅毒|淋病|淋球菌|尖锐湿疣|生殖器疱疹",
        "gdis": r"genetic (test|variant|analysis|counsel)|(?<![a-z])brca[12](?![0-9])|huntington"
        r"|遗传咨询|遗传病|基因(检测|突变)|染色体(核型|异常)",
    }
)
"""Patterns in the names of concepts (`display`, `text`), in lower case."""

_EXACT = {
    (system, code): label
    for system, labels in EXACT.items()
    for label, codes in labels.items()
    for code in codes.split()
}
_BEGINNINGS = {
    kind: [(prefix, label) for label, codes in labels.items() for prefix in codes.split()]
    for kind, labels in PREFIXES.items()
}
_WORDS = [(label, re.compile(WORDS[label])) for label in ORDER]
_ANY_WORD = re.compile("|".join(f"(?:{WORDS[label]})" for label in ORDER))
_KINDS = (("icd-10", "icd-10"), ("icd10", "icd-10"), ("whocc.no/atc", "atc"))


def labels(resource: Any) -> list[str]:
    """List the labels that a FHIR resource, read from JSON, calls for; in the order of `ORDER`."""
    found: set[str] = set()
    for each in _objects(resource):
        code = each.get("code")
        if isinstance(code, str):
            system = each.get("system")
            found.update(_of_code(system if isinstance(system, str) else "", code))
        for name in ("display", "text"):
            words = each.get(name)
            if isinstance(words, str):
                found.update(_of_words(words))
    return [label for label in ORDER if label in found]


def _objects(resource: Any) -> Iterator[Mapping[str, Any]]:
    """Walk all objects of a resource, however deep, its security labels left out."""
    waiting = [resource]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting.extend(value for name, value in each.items() if name != "meta")
        elif isinstance(each, list):
            waiting.extend(each)


def _of_code(system: str, code: str) -> Iterator[str]:
    exact = _EXACT.get((system, code))
    if exact is not None:
        yield exact
        return
    for part, kind in _KINDS:
        if part in system.lower():
            yield from (label for prefix, label in _BEGINNINGS[kind] if code.startswith(prefix))


def _of_words(words: str) -> Iterator[str]:
    lower = words.lower()
    if _ANY_WORD.search(lower):
        yield from (label for label, pattern in _WORDS if pattern.search(lower))
