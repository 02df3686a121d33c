"""What is measured besides laboratory quantities: findings yes or no, vital signs, panels."""

from __future__ import annotations

from yilian.gateway.fhir.sample_model import Analyte, Panel, Scale

FINDINGS = {
    "hbsag": (
        "5196-1",
        "Hepatitis B virus surface Ag [Presence] in Serum by Immunoassay",
        "乙肝表面抗原",
    ),
    "hbeag": ("13954-3", "Hepatitis B virus e Ag [Presence] in Serum by Immunoassay", "乙肝e抗原"),
    "hbeab": ("13953-5", "Hepatitis B virus e Ab [Presence] in Serum by Immunoassay", "乙肝e抗体"),
    "hbcab": (
        "13952-7",
        "Hepatitis B virus core Ab [Presence] in Serum by Immunoassay",
        "乙肝核心抗体",
    ),
    "uglu": ("25428-4", "Glucose [Presence] in Urine by Test strip", "尿葡萄糖"),
    "uprot": ("20454-5", "Protein [Presence] in Urine by Test strip", "尿蛋白"),
    "uket": ("2514-8", "Ketones [Presence] in Urine by Test strip", "尿酮体"),
    "unit": ("5802-4", "Nitrite [Presence] in Urine by Test strip", "尿亚硝酸盐"),
    "uleu": ("5799-2", "Leukocyte esterase [Presence] in Urine by Test strip", "尿白细胞酯酶"),
}
"""Present or absent: LOINC code, its name, the Chinese item. Above 500 milli means present."""


def _vital(
    key: str,
    zh: str,
    scatter: int,
    loinc: str,
    display: str,
    unit: str,
    ucum: str,
    decimals: int,
    low: str,
    high: str,
) -> Analyte:
    scale = Scale(loinc, display, unit, ucum, decimals, low, high)
    return Analyte(key, zh, scatter, scale, scale)


_VITAL_SIGNS = (
    _vital(
        "sbp", "收缩压", 35, "8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]", 0, "90", "139"
    ),
    _vital(
        "dbp", "舒张压", 35, "8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]", 0, "60", "89"
    ),
    _vital("hr", "心率", 50, "8867-4", "Heart rate", "/min", "/min", 0, "60", "100"),
    _vital("rr", "呼吸频率", 50, "9279-1", "Respiratory rate", "/min", "/min", 0, "12", "20"),
    _vital("temp", "体温", 5, "8310-5", "Body temperature", "Cel", "Cel", 1, "36.1", "37.2"),
    _vital(
        "spo2",
        "血氧饱和度",
        6,
        "2708-6",
        "Oxygen saturation in Arterial blood",
        "%",
        "%",
        0,
        "95",
        "100",
    ),
    _vital("weight", "体重", 6, "29463-7", "Body weight", "kg", "kg", 2, "45.00", "80.00"),
    _vital("height", "身高", 0, "8302-2", "Body height", "cm", "cm", 1, "150.0", "185.0"),
    _vital(
        "bmi",
        "体质指数",
        6,
        "39156-5",
        "Body mass index (BMI) [Ratio]",
        "kg/m2",
        "kg/m2",
        1,
        "18.5",
        "24.9",
    ),
)

VITALS = {each.key: each for each in _VITAL_SIGNS}
"""Vital signs (the FHIR R4 vital signs profiles); blood pressure is one resource of two parts."""

_BREATH = (
    _vital("fev1", "第1秒用力呼气容积", 30, "20150-9", "FEV1", "L", "L", 2, "2.40", "4.50"),
    _vital(
        "fvc",
        "用力肺活量",
        20,
        "19868-9",
        "Forced vital capacity [Volume] Respiratory system by Spirometry",
        "L",
        "L",
        2,
        "3.00",
        "5.50",
    ),
    _vital(
        "nihss", "NIHSS评分", 60, "72089-6", "Total score NIHSS", "{score}", "{score}", 0, "0", "0"
    ),
    _vital("ratio", "一秒率", 0, "19926-5", "FEV1/FVC", "%", "%", 1, "70.0", "95.0"),
    _vital(
        "pef",
        "呼气峰流速",
        50,
        "19935-6",
        "Maximum expiratory gas flow Respiratory system airway by Peak flow meter",
        "L/min",
        "L/min",
        0,
        "200",
        "600",
    ),
)

FUNCTION_TESTS = {each.key: each for each in _BREATH}
"""Measured by hand or machine at the visit, not in the laboratory."""

_COUNT = ("wbc", "rbc", "hgb", "hct", "mcv", "mch", "mchc", "plt", "neut", "lymph", "mono", "eos")

PANELS = {
    each.key: each
    for each in (
        Panel("cbc", "57021-8", "CBC W Auto Differential panel - Blood", "血常规", 2500, _COUNT),
        Panel(
            "liver",
            "24325-3",
            "Hepatic function 2000 panel - Serum or Plasma",
            "肝功能",
            6800,
            ("alt", "ast", "alp", "ggt", "tbil", "alb", "tp"),
        ),
        Panel(
            "renal",
            "24362-6",
            "Renal function 2000 panel - Serum or Plasma",
            "肾功能电解质",
            7250,
            ("creat", "egfr", "urea", "urate", "na", "k", "cl", "ca"),
        ),
        Panel(
            "lipid",
            "24331-1",
            "Lipid 1996 panel - Serum or Plasma",
            "血脂",
            5400,
            ("chol", "tg", "hdl", "ldl"),
        ),
        Panel("sugar", "55399-0", "Diabetes tracking panel", "糖代谢", 7050, ("hba1c", "glu")),
        Panel(
            "glucose",
            "14771-0",
            "Fasting glucose [Moles/volume] in Serum or Plasma",
            "空腹血糖",
            550,
            ("glu",),
        ),
        Panel(
            "ogtt",
            "11502-2",
            "Laboratory report",
            "糖耐量试验",
            3600,
            ("glu", "ogtt"),
        ),
        Panel(
            "albumin",
            "9318-7",
            "Albumin/Creatinine [Mass Ratio] in Urine",
            "尿微量白蛋白",
            4200,
            ("uacr",),
        ),
        Panel(
            "urine",
            "24357-6",
            "Urinalysis macro (dipstick) panel - Urine",
            "尿常规",
            1800,
            ("sg", "uph", "uglu", "uprot", "uket", "unit", "uleu"),
        ),
        Panel(
            "hbv",
            "77190-7",
            "Hepatitis B virus core and surface Ab and surface Ag panel - Serum",
            "乙肝两对半",
            8800,
            ("hbsag", "hbsab", "hbeag", "hbeab", "hbcab"),
        ),
        Panel(
            "dna",
            "42595-9",
            "Hepatitis B virus DNA [Units/volume] (viral load) in Serum or Plasma by NAA with "
            "probe detection",
            "乙肝病毒DNA",
            16000,
            ("hbvdna",),
        ),
        Panel(
            "afp",
            "1834-1",
            "Alpha-1-Fetoprotein [Mass/volume] in Serum or Plasma",
            "甲胎蛋白",
            6000,
            ("afp",),
        ),
        Panel(
            "thyroid",
            "24348-5",
            "Free T4 and TSH panel - Serum or Plasma",
            "甲状腺功能",
            9600,
            ("tsh", "ft4"),
        ),
        Panel(
            "clotting",
            "34528-0",
            "PT panel - Platelet poor plasma by Coagulation assay",
            "凝血功能",
            8500,
            ("pt", "inr", "aptt", "fib", "ddimer"),
        ),
        Panel(
            "infection",
            "1988-5",
            "C reactive protein [Mass/volume] in Serum or Plasma",
            "C反应蛋白",
            2000,
            ("crp",),
        ),
        Panel(
            "gas", "24336-0", "Gas panel - Arterial blood", "血气分析", 8050, ("ph", "pco2", "po2")
        ),
        Panel(
            "ferritin",
            "2276-4",
            "Ferritin [Mass/volume] in Serum or Plasma",
            "铁蛋白",
            5200,
            ("ferritin",),
        ),
        Panel(
            "allergy", "19113-0", "IgE [Units/volume] in Serum or Plasma", "总IgE", 5650, ("ige",)
        ),
        Panel(
            "bone",
            "11502-2",
            "Laboratory report",
            "骨矿代谢",
            12500,
            ("ca", "phos", "pth"),
        ),
    )
}
"""Laboratory reports by key."""
