"""Cleaning inside other people's pipelines, one module for each engine; importing `cleaner` imports none of them."""
