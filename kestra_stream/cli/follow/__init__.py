"""Follow: the events of a family of executions, folded into what is known of it."""
