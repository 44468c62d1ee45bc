"""Dates of templates: zones, parsing, Java's format patterns, arithmetic."""
