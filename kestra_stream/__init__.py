"""kestra_stream: a Kafka-native event-streaming engine for Kestra's YAML flows.

Importing this package loads none of the clients (Kafka, Elasticsearch, Faust, MinIO); each is imported where it is used.
"""
