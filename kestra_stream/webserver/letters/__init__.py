"""Dead letters as people see them: to look at, edit, redrive and discard."""
