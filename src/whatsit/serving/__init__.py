"""HTTP: decode, classify, encode; and the page. It trains nothing."""
