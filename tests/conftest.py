import os
import tempfile

from hypothesis import HealthCheck, settings

# Deterministic: a red test is red for everybody. The invariants ask for more examples themselves.
settings.register_profile(
    "cleaner", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cleaner")


_folder = tempfile.TemporaryDirectory(prefix="cleaner-tests-")


def pytest_configure() -> None:
    """Keep the tests, and every process that they start, away from the cache of whoever runs them."""
    os.environ["CLEANER_CACHE"] = os.path.join(_folder.name, "cache")


def pytest_unconfigure() -> None:
    _folder.cleanup()
