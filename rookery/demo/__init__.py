"""Demo: a data set over real processes, from publication to a closed ledger."""
