"""Invented people and places of China (the province 云溪 does not exist).

Resident identity numbers follow GB 11643-1999 with a right check character, so that systems accept
them, but begin with 38: GB/T 2260 has given East China the provinces 31 to 37 only, and 38 to none
ever, so no living person can be meant. Telephone numbers begin with 100, which no subscriber has.
Hospitals, drug names and item names are Chinese; names include compound surnames, dotted names of
minorities and characters outside the basic plane (𠮷 U+20BB7, 𬱖 U+2CC56).
"""

from __future__ import annotations

from datetime import date

from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_model import House, Json, Region

RESIDENT_NUMBER = "urn:oid:2.16.840.1.113883.2.23.1.19.1"
SOCIAL_SECURITY = "urn:oid:2.16.840.1.113883.2.23.1.19.2"

_GUIDE = "http://hl7.org.cn/fhir/connectathon"
_SEX = {"male": ("1", "男性"), "female": ("2", "女性")}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_DISTRICTS = (
    ("380102", "云溪市", "望江区"),
    ("380103", "云溪市", "松鹤区"),
    ("380104", "云溪市", "青枫区"),
    ("380181", "云溪市", "临泉县"),
    ("380202", "鹿鸣市", "湖东区"),
    ("380225", "鹿鸣市", "石桥县"),
)
_STREETS = ("梧桐路", "朝阳街", "桂花巷", "解放东路", "滨河大道", "书院街", "新安路", "竹林里")

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_RARE_SURNAMES = (
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "尉迟",
    "皇甫",
    "𠮷",
    "逄",
    "仉",
    "亓",
    "缑",
    "妫",
)
_MALE = "伟强磊军洋勇杰涛明超鹏辉刚健峰建国志远浩然子轩宇航嘉豪文博俊一诺"
_FEMALE = "芳娜敏静丽艳娟霞秀英玉兰雪梅婷倩欣怡雨涵梓萱诗琪若曦晓燕佳慧"
_RARE = "喆堃犇翀昇煊骉淼赟旻頔䶮㛃𠅤𬱖𬭎"
_DOTTED = (
    ("UG", "维吾尔族", ("艾力·买买提", "古丽·阿不都", "帕提曼·吐尔逊", "阿迪力·肉孜")),
    ("KZ", "哈萨克族", ("叶尔江·哈力", "阿依古丽·别克")),
    ("ZA", "藏族", ("扎西·次仁", "卓玛·央金")),
)
_PEOPLES = (
    ("ZH", "壮族"), ("HU", "回族"), ("MA", "满族"), ("MH", "苗族"), ("YI", "彝族"),
    ("TJ", "土家族"), ("MG", "蒙古族"), ("CS", "朝鲜族"),
)  # fmt: skip


def check_character(first17: str) -> str:
    """Compute the last character of a resident identity number (GB 11643-1999, ISO 7064 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def resident_number(region: str, birth: date, sequence: int, sex: str) -> str:
    """Write a resident identity number; `sequence` (0..499) becomes odd for men."""
    first17 = f"{region}{birth:%Y%m%d}{sequence * 2 + (sex == 'male'):03d}"
    return first17 + check_character(first17)


def _name(draw: Draw, sex: str) -> tuple[str, str]:
    rare = draw.chance(80)
    family = draw.pick(_RARE_SURNAMES) if rare else draw.pick(_SURNAMES)
    letters = _MALE if sex == "male" else _FEMALE
    given = draw.pick(letters) + (draw.pick(letters) if draw.chance(720) else "")
    if draw.chance(100):
        given = given[:-1] + draw.pick(_RARE)
    return family, given


def _called(draw: Draw, sex: str) -> tuple[Json, tuple[str, str]]:
    if draw.chance(40):
        code, people, names = draw.pick(_DOTTED)
        text = draw.pick(names)
        given, _, family = text.partition("·")
        return _human_name(text, family, given), (code, people)
    family, given = _name(draw, sex)
    people_of = draw.pick(_PEOPLES) if draw.chance(90) else ("HA", "汉族")
    return _human_name(family + given, family, given), people_of


def _human_name(text: str, family: str, given: str) -> Json:
    return {"use": "official", "text": text, "family": family, "given": [given]}


def _address(draw: Draw, city: str, district: str) -> Json:
    street = f"{draw.pick(_STREETS)}{draw.between(1, 399)}号"
    line = f"{street}{draw.between(1, 28)}栋{draw.between(1, 6)}单元{draw.between(101, 1802)}室"
    return {
        "use": "home",
        "text": f"云溪省{city}{district}{line}",
        "line": [line],
        "city": city,
        "district": district,
        "state": "云溪省",
        "postalCode": f"380{draw.between(0, 999):03d}",
        "country": "CN",
    }


def _person(draw: Draw, birth: date, sex: str) -> Json:
    region, city, district = draw.pick(_DISTRICTS)
    name, (letter, people) = _called(draw, sex)
    code, display = _SEX[sex]
    gender = {"system": "urn:oid:2.16.156.10011.2.3.3.4", "code": code, "display": display}
    ethnic = {"system": f"{_GUIDE}/CodeSystem/gb3304", "code": letter, "display": people}
    number = resident_number(region, birth, draw.below(500), sex)
    insured = f"YX{draw.below(10**9):09d}"
    return {
        "extension": [
            {"url": f"{_GUIDE}/StructureDefinition/ext-person-ethnicGroup", "valueCoding": ethnic},
            {"url": f"{_GUIDE}/StructureDefinition/ext-person-gender", "valueCoding": gender},
        ],
        "identifier": [
            {"use": "official", "system": RESIDENT_NUMBER, "value": number},
            {"use": "secondary", "system": SOCIAL_SECURITY, "value": insured},
        ],
        "name": [name],
        "telecom": [{"system": "phone", "value": f"100{draw.below(10**8):08d}", "use": "mobile"}],
        "address": [_address(draw, city, district)],
        "communication": [
            {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "zh-CN"}]}}
        ],
    }


def _doctor(draw: Draw, sex: str) -> Json:
    family, given = _name(draw, sex)
    return {**_human_name(family + given, family, given), "suffix": ["主治医师"]}


def _house(code: str, name: str, kind: str, city: str, district: str) -> House:
    place: Json = {
        "text": f"云溪省{city}{district}", "city": city, "district": district, "state": "云溪省",
        "country": "CN",
    }  # fmt: skip
    return House(code, name, kind, place, f"100-{code[-4:]}0000")


CHINA = Region(
    language="zh-CN",
    zone="+08:00",
    currency="CNY",
    systems={
        "doctor": "https://yunxi.example/practitioner",
        "house": "https://yunxi.example/organization",
        "record": "https://yunxi.example/medical-record-number",
        "item": "https://yunxi.example/item",
        "visit": "https://yunxi.example/visit-type",
    },
    houses=(
        _house("YX38010001", "云溪市第一人民医院", "hospital", "云溪市", "望江区"),
        _house("YX38010002", "云溪大学附属仁和医院", "hospital", "云溪市", "青枫区"),
        _house("YX38020003", "鹿鸣市中医医院", "hospital", "鹿鸣市", "湖东区"),
        _house("YX38010004", "松鹤街道社区卫生服务中心", "clinic", "云溪市", "松鹤区"),
        _house("YX38018005", "临泉县青石镇卫生院", "clinic", "云溪市", "临泉县"),
    ),
    person=_person,
    doctor=_doctor,
    payers=("城镇职工基本医疗保险", "城乡居民基本医疗保险", "自费"),
    visits={
        "followup": ("MZ01", "门诊复诊"),
        "acute": ("MZ02", "普通门诊"),
        "checkup": ("TJ01", "健康体检"),
        "wellchild": ("EB01", "儿童保健"),
        "prenatal": ("CK01", "产前检查"),
        "rehab": ("KF01", "康复治疗"),
        "dialysis": ("TX01", "血液透析"),
        "emergency": ("JZ01", "急诊"),
        "inpatient": ("ZY01", "住院"),
    },
    words={
        "hospital": "医院",
        "clinic": "基层医疗卫生机构",
        "dose": "口服或按医嘱使用，每次{dose}{unit}，每日{daily}次",
        "plan": "{disease}随访管理计划",
        "activity_diet": "合理膳食，低盐低脂",
        "activity_exercise": "适量运动，每周不少于150分钟",
        "activity_control": "按时复诊并监测指标",
        "conclusion_high": "{items}升高，请结合临床。",
        "conclusion_low": "{items}降低，请结合临床。",
        "conclusion_none": "所检项目未见明显异常。",
        "note_title": "门诊病历",
        "summary_title": "出院记录",
        "note": "主诉：{reason}，复诊。\n血压{sbp}/{dbp} mmHg。\n诊断：{reason}。\n"
        "处理：继续目前治疗，定期复查。",
        "summary": "入院诊断：{reason}。\n住院{stay}天，经治疗病情好转，准予出院。\n"
        "出院医嘱：按时服药，门诊随访。",
    },
)
"""Names, numbers and words of an invented Chinese province."""
