"""Tests of the organizations application."""
