"""Tasks that run scripts: shell, Python, Node.js; the processes they start, what these print, and how their whole tree is ended."""
