"""The API driven from its own OpenAPI document: `make fuzz CASES=10000`, and some hundred cases in every run."""
