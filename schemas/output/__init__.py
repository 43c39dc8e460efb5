"""Output: data shown or written so that no terminal, spreadsheet or other user is harmed by it."""
