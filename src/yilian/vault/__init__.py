"""Room 3, the vault: what must never be on a chain. Payloads, keys, disclosure, duplicates.

`vault.py` is the front door. `envelope.py` is the pure part (formats, seals, wraps) that the SDK
shares. The vault knows the ledger's formats but no node: facts from the chain are handed in.
"""
