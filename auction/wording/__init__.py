"""What is said in words: the log's lines, the host's canned lines, the posts on X. Nothing here is sent."""
