"""Tests of the project around the applications."""
