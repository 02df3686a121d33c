"""The portal: pages for people, served beside the node's own addresses.

`serve` answers with what `make portal` built out of `portal/`; `plain` writes the few pages that
work without script.
"""
