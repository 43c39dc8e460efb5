"""Station: broker and worker over one folder, under one supervisor."""
