"""What a data set is: records with label, split and group. It decodes no image."""
