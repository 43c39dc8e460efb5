"""Tables: chunks of rows as messages, validated column by column."""
