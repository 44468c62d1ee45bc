"""Storage in a bucket of Amazon S3, MinIO or any other server that speaks S3: `open_s3` and `open_minio`."""

from kestra_stream.storage.s3.door import open_minio, open_s3

__all__ = ["open_minio", "open_s3"]
