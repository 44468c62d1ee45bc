"""Testing: the driver that runs whole flows in one thread on the memory log, contract suites for backends, and builders."""
