"""What all tests may use: real services (tests/services)."""

from tests.services.fixtures import (
    bucket,
    kafka,
    kafka_cluster,
    prefix,
    pytest_configure,
    pytest_configure_node,
    pytest_unconfigure,
    s3,
    s3_server,
)

__all__ = [
    "bucket",
    "kafka",
    "kafka_cluster",
    "prefix",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_unconfigure",
    "s3",
    "s3_server",
]
