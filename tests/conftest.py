from hypothesis import settings

# A busy machine is no fault of a test: no example has a time limit.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
