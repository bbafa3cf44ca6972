"""The pages, and tables of pages, that are made of the code: ``make reference`` writes them, a test compares them."""
