"""FHIR R4 at the border: what hospitals, apps and judges speak with us."""
