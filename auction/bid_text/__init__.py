"""From the text of a post to the amount that it bids."""
