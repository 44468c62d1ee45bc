"""What `dead-letter` does, and how letters look."""
