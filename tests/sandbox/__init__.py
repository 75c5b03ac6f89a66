"""The sandbox resource keeps the promises that other tests rely on."""
