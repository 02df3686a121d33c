"""The words of the Core Business Vocabulary, bare and as URIs.

CBV 2.0, sections 7.1 to 7.9, and the measurement and alert types of the GS1 Web Vocabulary that
EPCIS 2.0 section 7.3.7 names. An event at rest holds the bare word; the event hash, the URI.
"""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal[
    "bizStep",
    "disposition",
    "bizTransaction",
    "sourceOrDestination",
    "reason",
    "component",
    "measurement",
    "alert",
]

CBV: Final = "https://ref.gs1.org/cbv/"
GS1: Final = "https://ref.gs1.org/voc/"
EPCIS: Final = "https://ref.gs1.org/epcis/"

_WORDS: Final[dict[Kind, str]] = {
    "bizStep": (
        "accepting arriving assembling collecting commissioning consigning "
        "creating_class_instance cycle_counting decommissioning departing destroying "
        "disassembling dispensing encoding entering_exiting holding inspecting installing "
        "killing loading other packing picking receiving removing repackaging repairing "
        "replacing reserving retail_selling shipping staging_outbound stock_taking stocking "
        "storing transporting unloading unpacking void_shipping sensor_reporting sampling "
    ),
    "disposition": (
        "active container_closed damaged destroyed dispensed disposed encoded expired "
        "in_progress in_transit inactive no_pedigree_match non_sellable_other "
        "partially_dispensed recalled reserved retail_sold returned sellable_accessible "
        "sellable_not_accessible stolen unknown available completeness_verified "
        "completeness_inferred conformant container_open mismatch_instance mismatch_class "
        "mismatch_quantity needs_replacement non_conformant unavailable "
    ),
    "bizTransaction": (
        "bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt "
    ),
    "sourceOrDestination": ("owning_party possessing_party location "),
    "reason": ("did_not_occur incorrect_data "),
    "component": (
        "x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle "
        "easting northing latitude longitude altitude "
    ),
    "measurement": (
        "AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Radioactivity Altitude "
        "AmountOfSubstance AmountOfSubstancePerUnitVolume Angle AngularAcceleration "
        "AngularMomentum AngularVelocity Area Capacitance Conductance Conductivity Count "
        "Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity "
        "ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy "
        "Exposure Force Frequency Illuminance Inductance Irradiance KinematicViscosity Length "
        "LinearMomentum Luminance LuminousFlux LuminousIntensity MagneticFlux "
        "MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate "
        "MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume "
        "Power Pressure RadiantFlux RadiantIntensity RelativeHumidity Resistance Resistivity "
        "SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension Temperature Time Torque "
        "Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber "
    ),
    "alert": ("ALARM_CONDITION ERROR_CONDITION "),
}

WORDS: Final[dict[Kind, frozenset[str]]] = {
    kind: frozenset(words.split()) for kind, words in _WORDS.items()
}
"""Every standard word of each vocabulary."""

_URNS: Final[dict[Kind, str]] = {
    "bizStep": "urn:epcglobal:cbv:bizstep:",
    "disposition": "urn:epcglobal:cbv:disp:",
    "bizTransaction": "urn:epcglobal:cbv:btt:",
    "sourceOrDestination": "urn:epcglobal:cbv:sdt:",
    "reason": "urn:epcglobal:cbv:er:",
}
_MARKS: Final[dict[Kind, str]] = {
    "bizStep": "BizStep-",
    "disposition": "Disp-",
    "bizTransaction": "BTT-",
    "sourceOrDestination": "SDT-",
    "reason": "ER-",
    "component": "Comp-",
    "measurement": "",
    "alert": "",
}
_OLD_GS1: Final = (
    "https://gs1.org/voc/",
    "http://gs1.org/voc/",
    "https://www.gs1.org/voc/",
    "http://www.gs1.org/voc/",
)
_OLDER: Final = (
    *((old, GS1) for old in _OLD_GS1),
    *((urn, CBV + _MARKS[kind]) for kind, urn in _URNS.items()),
)
PREDEFINED: Final = {
    "cbv": CBV,
    "gs1": GS1,
    "epcis": EPCIS,
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""Prefixes that the JSON-LD context of EPCIS 2.0 declares, so that no event has to."""

FIXED: Final = frozenset(("cbv", "gs1", "epcis"))
"""Prefixes that mean the same whatever a document declares them to be."""


def _home(kind: Kind) -> tuple[str, str]:
    return ("gs1", GS1) if kind in ("measurement", "alert") else ("cbv", CBV)


def _spellings() -> dict[Kind, dict[str, str]]:
    found: dict[Kind, dict[str, str]] = {}
    for kind, words in WORDS.items():
        prefix, home = _home(kind)
        bases = [home + _MARKS[kind], f"{prefix}:{_MARKS[kind]}"]
        bases += [_URNS[kind]] if kind in _URNS else []
        bases += _OLD_GS1 if prefix == "gs1" else []
        found[kind] = {base + word: word for base in bases for word in sorted(words)}
    return found


_BARE: Final = _spellings()
_EXPANDED: Final[dict[Kind, dict[str, str]]] = {
    kind: {word: _home(kind)[1] + _MARKS[kind] + word for word in words}
    for kind, words in WORDS.items()
}


def bare(kind: Kind, value: str) -> str:
    """Give the bare word where the value is another spelling of it; else the value."""
    return _BARE[kind].get(value, value)


def expanded(kind: Kind, value: str) -> str:
    """Give the web URI of a word; another value comes back with its prefix written out."""
    found = _EXPANDED[kind].get(value)
    if found is not None:
        return found
    return written_out(value)


def written_out(value: str) -> str:
    """Give the web URI of a prefixed word (`cbv:`, `gs1:`, `epcis:`) or of its older spelling."""
    prefix, colon, rest = value.partition(":")
    if colon and prefix in FIXED and rest and not rest.startswith("//") and " " not in rest:
        return PREDEFINED[prefix] + rest
    for old, new in _OLDER:
        if value.startswith(old):
            return new + value[len(old) :]
    return value
