"""What operators do on a bad day or with a new version, done by the commands that `docs/operations.md` prints."""
