"""Room 2, runs the law: stores, engines, keys and folders of one node."""
