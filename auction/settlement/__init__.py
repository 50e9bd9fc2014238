"""The settlement (payment) of a sold lot: who may pay, until when, and to which address the lot goes."""
