"""Speed, as ratios taken in one interleaved run on one server: `make bench`."""
