"""The tutorial's network for cats and dogs in Keras 3, fed as its guide does: seconds an epoch, one line of JSON each.

    python keras_cnn.py TRAIN_FOLDER EPOCHS BATCH_SIZE

It needs tensorflow, in an environment of its own. The pipeline is its guide's, `image_dataset_from_directory` with
prefetching; --cache keeps decoded photos in memory besides, --mixed computes in bf16.
"""

import json
import sys
import time

import keras
import tensorflow as tf

SIDE = 150


class Told(keras.callbacks.Callback):  # type: ignore[misc]
    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        print(json.dumps({"epoch": epoch + 1, "seconds": time.perf_counter() - self.began}), flush=True)


def main() -> None:
    folder, epochs, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    photos = keras.utils.image_dataset_from_directory(
        folder, label_mode="binary", image_size=(SIDE, SIDE), batch_size=batch, seed=0
    )
    if "--cache" in sys.argv:
        photos = photos.cache().shuffle(len(photos))
    photos = photos.prefetch(tf.data.AUTOTUNE)
    if "--mixed" in sys.argv:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            *(
                layer
                for filters in (32, 64, 64)
                for layer in (layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D())
            ),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    assert model.count_params() == 4_791_809
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(photos, epochs=epochs, verbose=0, callbacks=[Told()])


if __name__ == "__main__":
    main()
