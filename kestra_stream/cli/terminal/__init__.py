"""Terminal: what a person sees of a run, and is asked."""
