"""Several ways to teach on the same photos and splits, and in words which of them pays.

candidates   what is compared: names and options
field        what all of them have in common, found once
trial, kept  one candidate taught and measured; and kept on disk, so that nothing is taught twice
result       trials side by side: the winner, and the pairs that chance may have ordered
advice       the same in sentences
refit        the winner, taught again on valid photos too, opens the test split
run          all of it
terminal, page, chart, templates   how it is shown
"""
