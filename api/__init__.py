"""What HTTP and the command line ask of the process: status, orders, injection, webhook, health, repair."""
