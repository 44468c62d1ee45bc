"""The command line: `kestra-stream run`, `flow`, `plugin`."""
