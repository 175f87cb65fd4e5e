"""Pages whose numbers are measured, and what writes them."""
