"""Tasks that run scripts: shell, Python, Node.js; what they print becomes log lines, outputs and metrics."""
