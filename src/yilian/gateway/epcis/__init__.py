"""An EPCIS 2.0 / CBV 2.0 repository of one organisation (ISO/IEC 19987 and 19988)."""
