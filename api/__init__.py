"""The REST routes. They hold no rule of their own: each calls the core, as a page does."""
