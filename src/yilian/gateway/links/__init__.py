"""One-time sharing: SMART Health Links (HL7 SMART Health Cards and Links 1.0.0, STU 1)."""
