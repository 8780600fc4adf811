"""Commands that run ours and a peer in one run and print the ratio."""
