"""Files in and out, and the run over many of them."""
