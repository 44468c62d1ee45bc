"""Contract suites: what every member of a port's family must fulfil.

A member's test subclasses the suite under a name that begins with `Test`, and gives the fixtures that the suite names:

    class TestMemoryLog(LogContract):
        @pytest.fixture
        def log(self) -> Iterator[MemoryLog]:
            log = MemoryLog(SystemClock().now)
            yield log
            log.close()
"""
