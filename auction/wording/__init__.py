"""The texts that the system writes: the log's lines, the host's canned lines, the posts on X. Nothing here is sent."""
