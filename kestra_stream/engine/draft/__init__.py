"""What rules do to the draft of one step, one theme a file: task runs, work, timers, jobs, what is kept, and the freezing at the end."""
