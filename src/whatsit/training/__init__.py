"""From a data set to a trained classifier: probe, networks, comparison and search. It prints nothing."""
