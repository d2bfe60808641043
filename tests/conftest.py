from hypothesis import HealthCheck, settings

# Deterministic: a red test is red for everybody. The invariants ask for more examples themselves.
settings.register_profile(
    "cleaner", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cleaner")
