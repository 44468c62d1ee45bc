"""Plugins: what an author needs (`api`), how they are found (`registry`), how a document becomes a flow, the built-in ones (`core`)."""
