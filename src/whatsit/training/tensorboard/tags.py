"""What is written under which name. Runs of all methods use the same, so that they lie in one chart.

"train" and "valid" stand for the photos that a head or network is fitted on, and those by which it is chosen; losses
are cross-entropies in nats. Steps are epochs of a network, and iterations of L-BFGS of a probe.
"""

TRAIN_LOSS, VALID_LOSS = "loss/train", "loss/valid"
TRAIN_ACCURACY, VALID_ACCURACY = "accuracy/train", "accuracy/valid"
LEARNING_RATE = "learning_rate"  # of the fastest part of the network
IMAGES_PER_SECOND = "images_per_second"
STEP_LOSS = "step/loss"  # of each batch, as it is made small: with smoothing and class weights
CONFUSION = "valid/confusion"
WORST = "valid/worst"
FINAL_VALID_LOSS = "final/valid_loss"  # of the weights or head that were kept
FINAL_VALID_ACCURACY = "final/valid_accuracy"
FINAL_TEST_ACCURACY = "final/test_accuracy"  # of the photos that judge: in cross-validation all
CHARTS = {"loss": (TRAIN_LOSS, VALID_LOSS), "accuracy": (TRAIN_ACCURACY, VALID_ACCURACY)}
"""Of the tab "Custom scalars": lines that belong into one chart."""
