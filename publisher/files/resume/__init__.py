"""Resume: how far a file was published, so that a killed run can go on."""
