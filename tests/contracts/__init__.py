"""What every plug-in of a kind must keep to, run over each of them."""
