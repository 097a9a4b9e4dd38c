"""What all tests share."""

from hypothesis import settings

# How long an example takes says nothing about the code, least of all on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("untimed")
