"""What HTTP and the command line call in the process: status, orders, injection, webhook, health, repair."""
