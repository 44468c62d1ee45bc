"""The Kafka family of the queue."""
