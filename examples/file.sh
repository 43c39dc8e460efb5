#!/bin/sh
# A file: its rows published, and its rows classified beside all their columns.
# Exit code 1 says that some rows are no readings: they are kept, with the reasons, to be fixed and published.
set -eu

rookery publish file data/penguins.csv || test $? -eq 1
cat data/penguins.csv.rejected.csv

rookery classify data/penguins.csv --out classified.xlsx
