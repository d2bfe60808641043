"""The engine inside other people's pipelines: one module each, imported by those who use it."""
