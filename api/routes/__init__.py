"""The routes, a module for each group of addresses; `rest` puts them together."""
