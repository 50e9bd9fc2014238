"""Who may pay for a sold lot, until when, and to which address it goes. Settle means payment."""
