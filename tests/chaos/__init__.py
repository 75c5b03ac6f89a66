"""Rounds of faults: real processes are killed, flushed, stopped and lied to, and everything is looked at afterwards."""
