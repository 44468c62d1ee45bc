"""Tests of the parts of the work queue on Kafka that need no broker."""
