"""Settings of all tests."""

from hypothesis import settings

# Time limits per example fail on a busy machine and say nothing about the code.
settings.register_profile("alignray", deadline=None)
settings.load_profile("alignray")
