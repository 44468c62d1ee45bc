"""Tasks on the files of namespaces."""
