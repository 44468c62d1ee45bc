"""Conditions of triggers and listeners."""
