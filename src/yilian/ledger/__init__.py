"""Room 1, the law: a pure state machine. Bytes in, bytes out; no clock, network, file or chance."""
