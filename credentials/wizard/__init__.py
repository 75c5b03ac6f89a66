"""Add Credentials, step by step. Entered data lives in a sealed draft row, never in the session."""
