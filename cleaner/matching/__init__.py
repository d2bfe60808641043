"""Tests compiled to matchers: phrases, patterns, duplicates, runs, and the scan that chooses candidates."""
