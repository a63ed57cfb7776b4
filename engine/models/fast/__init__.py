"""River's arithmetic on flat lists, equal in every bit, for the commonest recipes."""
