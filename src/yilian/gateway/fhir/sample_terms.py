"""What is diagnosed, given and done: diseases, medicines, procedures, vaccines, allergens.

Codes: SNOMED CT and ICD-10 (diseases), ATC and RxNorm (medicines), SNOMED CT and ICD-9-CM volume 3
(procedures, as Chinese hospitals code them), CVX (vaccines). Prices are invented, in hundredths.
"""

from __future__ import annotations

from yilian.gateway.fhir.sample_model import Act, Allergen, Disease, Drug, Vaccine

# Kept in rows by hand: one item to a row or two reads as a table.
# fmt: off
DISEASES = {
    "diabetes": Disease("44054006", "E11.9", "Diabetes mellitus type 2", "2型糖尿病"),
    "nephropathy": Disease("127013003", "E11.2", "Disorder of kidney due to diabetes mellitus",
                           "2型糖尿病性肾病"),
    "retinopathy": Disease("422034002", "E11.3",
                           "Diabetic retinopathy associated with type II diabetes mellitus",
                           "2型糖尿病性视网膜病变"),
    "hypertension": Disease("59621000", "I10", "Essential hypertension", "原发性高血压"),
    "hyperlipidemia": Disease("55822004", "E78.5", "Hyperlipidemia", "高脂血症"),
    "obesity": Disease("162864005", "E66.9", "Body mass index 30+ - obesity", "肥胖症"),
    "pregnancy": Disease("72892002", "Z34.0", "Normal pregnancy", "孕期检查"),
    "gdm": Disease("11687002", "O24.4", "Gestational diabetes mellitus", "妊娠期糖尿病"),
    "delivery": Disease("66348005", "O80.0", "Childbirth", "自然临产阴道分娩"),
    "anemia": Disease("87522002", "D50.9", "Iron deficiency anemia", "缺铁性贫血"),
    "hepatitis": Disease("61977001", "B18.1", "Chronic viral hepatitis B",
                         "慢性乙型病毒性肝炎"),
    "fatty_liver": Disease("197321007", "K76.0", "Steatosis of liver", "脂肪肝"),
    "asthma": Disease("195967001", "J45.9", "Asthma", "支气管哮喘"),
    "rhinitis": Disease("61582004", "J30.4", "Allergic rhinitis", "过敏性鼻炎"),
    "attack": Disease("708038006", "J45.9", "Acute exacerbation of asthma", "支气管哮喘急性发作"),
    "stroke": Disease("422504002", "I63.9", "Ischemic stroke", "急性脑梗死"),
    "hemiplegia": Disease("50582007", "G81.9", "Hemiplegia", "偏瘫"),
    "copd": Disease("13645005", "J44.9", "Chronic obstructive pulmonary disease",
                    "慢性阻塞性肺疾病"),
    "exacerbation": Disease("195951007", "J44.1",
                            "Acute exacerbation of chronic obstructive airways disease",
                            "慢性阻塞性肺疾病急性加重"),
    "renal_failure": Disease("46177005", "N18.5", "End-stage renal disease",
                             "慢性肾脏病5期"),
    "renal_anemia": Disease("271737000", "D63.8", "Anemia", "肾性贫血"),
    "cold": Disease("54150009", "J06.9", "Upper respiratory infection", "急性上呼吸道感染"),
    "pharyngitis": Disease("195662009", "J02.9", "Acute viral pharyngitis", "急性咽炎"),
    "bronchitis": Disease("10509002", "J20.9", "Acute bronchitis", "急性支气管炎"),
    "otitis": Disease("65363002", "H66.9", "Otitis media", "急性中耳炎"),
    "cystitis": Disease("38822007", "N30.9", "Cystitis", "膀胱炎"),
    "gastritis": Disease("4556007", "K29.7", "Gastritis", "胃炎"),
    "back_pain": Disease("279039007", "M54.5", "Low back pain", "腰痛"),
    "checkup": Disease("162673000", "Z00.0", "General examination of patient", "健康体检"),
}

DRUGS = {
    "metformin": Drug("A10BA02", "861007", "metformin hydrochloride 500 MG Oral Tablet",
                      "盐酸二甲双胍片", "0.50", "g", 2, 3250),
    "empagliflozin": Drug("A10BK03", "", "empagliflozin 10 MG Oral Tablet", "恩格列净片",
                          "10.0", "mg", 1, 12800),
    "glargine": Drug("A10AE04", "", "insulin glargine 100 UNT/ML Pen Injector",
                     "甘精胰岛素注射液", "12", "[iU]", 1, 18200),
    "amlodipine": Drug("C08CA01", "197361", "amlodipine 5 MG Oral Tablet",
                       "苯磺酸氨氯地平片", "5.0", "mg", 1, 2100),
    "valsartan": Drug("C09CA03", "", "valsartan 80 MG Oral Capsule", "缬沙坦胶囊", "80", "mg",
                      1, 3980),
    "thiazide": Drug("C03AA03", "310798", "hydrochlorothiazide 25 MG Oral Tablet", "氢氯噻嗪片",
                     "12.5", "mg", 1, 690),
    "atorvastatin": Drug("C10AA05", "617310", "atorvastatin 20 MG Oral Tablet",
                         "阿托伐他汀钙片", "20", "mg", 1, 4350),
    "aspirin": Drug("B01AC06", "243670", "aspirin 81 MG Oral Tablet", "阿司匹林肠溶片", "100",
                    "mg", 1, 1580, "81"),
    "clopidogrel": Drug("B01AC04", "309362", "clopidogrel 75 MG Oral Tablet",
                        "硫酸氢氯吡格雷片", "75", "mg", 1, 6720),
    "folic_acid": Drug("B03BB01", "", "folic acid 0.4 MG Oral Tablet", "叶酸片", "0.40", "mg", 1,
                       1200),
    "iron": Drug("B03AA07", "", "ferrous sulfate 325 MG Oral Tablet", "硫酸亚铁片", "0.30", "g",
                 2, 1450, "0.325"),
    "aspart": Drug("A10AB05", "", "insulin aspart 100 UNT/ML Pen Injector",
                   "门冬胰岛素注射液", "4", "[iU]", 3, 8890),
    "entecavir": Drug("J05AF10", "", "entecavir 0.5 MG Oral Tablet", "恩替卡韦分散片", "0.50",
                      "mg", 1, 1950),
    "silymarin": Drug("A05BA03", "", "silymarin 70 MG Oral Capsule", "水飞蓟素胶囊", "140", "mg",
                      3, 4980),
    "salbutamol": Drug("R03AC02", "", "albuterol 0.1 MG/ACTUAT Metered Dose Inhaler",
                       "硫酸沙丁胺醇吸入气雾剂", "100", "ug", 2, 2460),
    "budesonide": Drug("R03BA02", "", "budesonide 0.1 MG/ACTUAT Dry Powder Inhaler",
                       "布地奈德粉吸入剂", "100", "ug", 2, 8650),
    "montelukast": Drug("R03DC03", "", "montelukast 5 MG Chewable Tablet", "孟鲁司特钠咀嚼片",
                        "5.0", "mg", 1, 5530),
    "loratadine": Drug("R06AX13", "665078", "loratadine 5 MG Chewable Tablet", "氯雷他定片",
                       "5.0", "mg", 1, 1870),
    "tiotropium": Drug("R03BB04", "", "tiotropium 0.018 MG Inhalation Powder",
                       "噻托溴铵粉雾剂", "18", "ug", 1, 9800),
    "seretide": Drug("R03AK06", "896209",
                     "60 ACTUAT fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 "
                     "MG/ACTUAT Dry Powder Inhaler", "沙美特罗替卡松粉吸入剂", "1", "{puff}", 2,
                     17600),
    "prednisone": Drug("H02AB07", "312617", "prednisone 5 MG Oral Tablet", "醋酸泼尼松片",
                       "30", "mg", 1, 980),
    "epoetin": Drug("B03XA01", "", "epoetin alfa 10000 UNT/ML Injection",
                    "重组人促红素注射液", "3000", "[iU]", 1, 6400),
    "sevelamer": Drug("V03AE02", "", "sevelamer carbonate 800 MG Oral Tablet",
                      "碳酸司维拉姆片", "0.80", "g", 3, 21500),
    "paracetamol": Drug("N02BE01", "313782", "acetaminophen 325 MG Oral Tablet",
                        "对乙酰氨基酚片", "0.50", "g", 3, 850, "0.65"),
    "ibuprofen": Drug("M01AE01", "310965", "ibuprofen 200 MG Oral Tablet", "布洛芬片", "0.20",
                      "g", 3, 1150),
    "amoxicillin": Drug("J01CA04", "308182", "amoxicillin 250 MG Oral Capsule",
                        "阿莫西林胶囊", "0.50", "g", 3, 1620),
    "azithromycin": Drug("J01FA10", "", "azithromycin 250 MG Oral Tablet", "阿奇霉素片", "0.50",
                         "g", 1, 2380),
    "omeprazole": Drug("A02BC01", "", "omeprazole 20 MG Delayed Release Oral Capsule",
                       "奥美拉唑肠溶胶囊", "20", "mg", 2, 1990),
    "herbal": Drug("", "", "Lianhua-type herbal granules", "感冒清热颗粒", "12.0", "g", 2, 1780),
}

ACUTE = {
    "cold": ("paracetamol", "herbal"),
    "pharyngitis": ("ibuprofen", "herbal"),
    "bronchitis": ("amoxicillin", "azithromycin"),
    "otitis": ("amoxicillin", "azithromycin"),
    "cystitis": ("amoxicillin", "azithromycin"),
    "gastritis": ("omeprazole", "omeprazole"),
    "back_pain": ("ibuprofen", "paracetamol"),
}
"""What is given for a short illness: usually, and in China or where penicillin is not borne."""

ACTS = {
    "ecg": Act("29303009", "89.52", "Electrocardiographic procedure", "常规心电图", 10, 3000),
    "echo": Act("433236007", "88.72", "Transthoracic echocardiography", "经胸超声心动图", 25,
                22000),
    "head_ct": Act("303653007", "87.03", "Computed tomography of head", "颅脑CT平扫", 15, 28500),
    "chest_xray": Act("399208008", "87.44", "Plain chest X-ray", "胸部正位X线检查", 10, 8000),
    "thrombolysis": Act("307521008", "99.10", "Thrombolytic therapy", "静脉溶栓治疗", 60, 465000),
    "physiotherapy": Act("91251008", "93.39", "Physical therapy procedure", "偏瘫肢体综合训练", 40,
                         8500),
    "eye_exam": Act("722161008", "16.21", "Diabetic retinal eye exam", "眼底检查", 20, 4500),
    "foot_exam": Act("401191002", "89.59", "Diabetic foot examination", "糖尿病足部检查", 15, 2600),
    "obstetric_scan": Act("268445003", "88.78", "Ultrasound scan - obstetric", "产科超声检查", 20,
                          15500),
    "fetal_heart": Act("225158009", "75.34", "Auscultation of the fetal heart", "胎心监测", 20,
                       3200),
    "birth": Act("177184002", "73.59", "Normal delivery procedure", "单胎顺产接生", 360, 186000),
    "liver_scan": Act("45036003", "88.76", "Ultrasonography of abdomen", "腹部超声检查", 20, 12000),
    "spirometry": Act("127783003", "89.37", "Spirometry", "肺功能检查", 20, 18500),
    "nebulizer": Act("56251003", "93.94", "Nebulizer therapy", "雾化吸入治疗", 20, 2200),
    "dialysis": Act("302497006", "39.95", "Hemodialysis", "血液透析", 240, 42000),
    "exam": Act("162673000", "89.7", "General examination of patient", "全身体格检查", 20, 3500),
}

VACCINES = {
    "influenza": Vaccine("140", "Influenza, seasonal, injectable, preservative free",
                         "流感病毒裂解疫苗"),
    "ppsv23": Vaccine("33", "pneumococcal polysaccharide vaccine, 23 valent",
                      "23价肺炎球菌多糖疫苗"),
    "pcv13": Vaccine("133", "Pneumococcal conjugate PCV 13", "13价肺炎球菌多糖结合疫苗"),
    "hepb": Vaccine("08", "Hep B, adolescent or pediatric", "重组乙型肝炎疫苗"),
    "hepb_adult": Vaccine("43", "Hep B, adult", "重组乙型肝炎疫苗(成人)"),
    "dtap": Vaccine("20", "DTaP", "吸附无细胞百白破联合疫苗"),
    "ipv": Vaccine("10", "IPV", "脊髓灰质炎灭活疫苗"),
    "mmr": Vaccine("03", "MMR", "麻腮风联合减毒活疫苗"),
    "varicella": Vaccine("21", "varicella", "水痘减毒活疫苗"),
    "hepa": Vaccine("83", "Hep A, ped/adol, 2 dose", "甲型肝炎灭活疫苗"),
    "tdap": Vaccine("115", "Tdap", "破伤风白喉无细胞百日咳联合疫苗"),
    "covid": Vaccine("511", "COVID-19 IV Non-US Vaccine (CoronaVac, Sinovac)",
                     "新型冠状病毒灭活疫苗"),
    "covid_mrna": Vaccine("208", "SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, "
                          "preservative free, 30 mcg/0.3mL dose", "新型冠状病毒mRNA疫苗"),
}

CHILD_DOSES = (
    (0, "hepb"), (30, "hepb"), (61, "ipv"), (91, "dtap"), (91, "ipv"), (122, "dtap"),
    (122, "pcv13"), (152, "dtap"), (183, "hepb"), (244, "mmr"), (365, "varicella"), (380, "pcv13"),
    (548, "dtap"), (560, "mmr"), (570, "hepa"), (740, "hepa"), (1470, "ipv"), (1480, "varicella"),
    (2200, "dtap"),
)
"""The childhood schedule, much simplified from both countries: age in days, vaccine."""

_RASH = Disease("271807003", "R21", "Eruption of skin", "皮疹")
_HIVES = Disease("126485001", "L50.9", "Urticaria", "荨麻疹")
_SNEEZE = Disease("76067001", "R06.7", "Sneezing", "打喷嚏")
_WHEEZE = Disease("56018004", "R06.2", "Wheezing", "喘息")

ALLERGENS = {
    "penicillin": Allergen("764146007", "Penicillin", "青霉素类", "medication", _RASH),
    "sulfonamide": Allergen("387406002", "Sulfonamide", "磺胺类", "medication", _HIVES),
    "shrimp": Allergen("735029006", "Shellfish", "虾蟹类", "food", _HIVES),
    "peanut": Allergen("762952008", "Peanut", "花生", "food", _HIVES),
    "mite": Allergen("260147004", "House dust mite", "屋尘螨", "environment", _WHEEZE),
    "pollen": Allergen("256277009", "Grass pollen", "花粉", "environment", _SNEEZE),
}
# fmt: on
