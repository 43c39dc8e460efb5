"""Mixed traffic: single readings and tables at once at one worker, for as long as it takes."""
