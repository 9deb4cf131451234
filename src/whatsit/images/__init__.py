"""Path or bytes → upright RGB `uint8 (H, W, 3)` → a network's input.

    source → bytes   sniff   decode → upright RGB   fit → (height, width, 3)
    read_bytes       sniff   read_image            fit_image
    └────────────── load_for_network, load_with_thumbnail ──────────────┘

The one place in which an image becomes numbers: training, command line and server all call
`load_for_network` (or `load_with_thumbnail`, which is the same decode). Everything after it, from the cast
to float on, is in the network's graph. This room knows nothing of labels, data sets or networks.

Every failure is an `ImageError` with a one-line reason; safe to call from many threads at once.
"""
