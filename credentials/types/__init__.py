"""The authentication types, one room each. Ask `registry.room(kind)`; nothing outside this folder compares kinds."""
