"""What all tests may use: real services (tests/services)."""

from tests.services.fixtures import kafka, kafka_cluster, prefix, pytest_configure, pytest_configure_node, pytest_unconfigure

__all__ = ["kafka", "kafka_cluster", "prefix", "pytest_configure", "pytest_configure_node", "pytest_unconfigure"]
