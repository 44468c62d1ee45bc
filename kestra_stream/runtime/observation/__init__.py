"""What a process tells of itself: figures, signs of life, health, and the port that all of it is asked at."""
