"""Demo: real penguins over real processes, from publication to a closed ledger."""
