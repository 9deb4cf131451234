"""The report: its content as plain data, as a page and as text of 80 columns."""
