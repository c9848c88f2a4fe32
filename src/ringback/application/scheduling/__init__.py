"""The work that is due because time passes."""
