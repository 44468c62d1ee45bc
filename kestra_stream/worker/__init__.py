"""The worker: runs task attempts that the executor asks for. `processor` takes jobs and tells their ends, `task_run` runs one."""
