"""Sources of exercise sets: their rules, and the notebooks, pages and zips made of them."""
