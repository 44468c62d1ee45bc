"""Conditions about a date; they are named `io.kestra.plugin.core.condition.*` like all others."""
