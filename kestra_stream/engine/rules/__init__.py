"""The rules of the engine, one theme a file; `decide.RULES` puts them in order."""
