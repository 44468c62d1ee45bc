"""State beside the input partitions: logged on a compacted topic, restored from it; in memory, or in a copy on disk."""
