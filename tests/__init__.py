"""The tests. Property tests have no deadline: machines differ, and a test asserts no time."""

from hypothesis import settings

settings.register_profile("yilian", deadline=None)
settings.load_profile("yilian")
