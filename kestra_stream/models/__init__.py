"""Models: what the user wrote, what runs, and what travels on topics. Everything is frozen."""
