"""Try-on systems, one package each; a system never imports another."""
