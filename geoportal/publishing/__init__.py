"""Putting layers on line and taking them back."""
