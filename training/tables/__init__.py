"""Tables: known readings in files, as the columns that a contract is inferred from and the matrix that training takes."""
