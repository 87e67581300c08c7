"""What other thresholds would have done: answered from stored signals, not by a new run."""
