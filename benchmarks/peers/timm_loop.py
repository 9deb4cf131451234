"""Fine-tuning with timm's own parts: seconds an epoch, one line of JSON each.

    python timm_loop.py TRAIN_FOLDER NETWORK WEIGHTS EPOCHS BATCH_SIZE DEVICE WORKERS

As timm's training script does it: its loader with prefetching, its optimizer, its loss with smoothed labels, its
averaged weights, mixed precision, channels last. WEIGHTS: safetensors of NETWORK without its classifier.
"""

# mypy: disable-error-code="attr-defined, no-untyped-call, call-overload"
# (timm exports by star, and is typed in part)

import json
import sys
import time

import timm
import torch
from safetensors.torch import load_file
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3


def main() -> None:
    folder, name, weights = sys.argv[1:4]
    epochs, batch, device, workers = int(sys.argv[4]), int(sys.argv[5]), torch.device(sys.argv[6]), int(sys.argv[7])
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    photos = create_dataset("", root=folder, split="", is_training=True)
    model = timm.create_model(name, num_classes=len(photos.reader.class_to_idx))
    model.load_state_dict(load_file(weights), strict=False)
    model.to(device=device, memory_format=torch.channels_last)
    config = resolve_data_config({}, model=model)
    loader = create_loader(
        photos,
        config["input_size"],
        batch,
        is_training=True,
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        num_workers=workers,
        pin_memory=device.type == "cuda",
        device=device,
        use_prefetcher=device.type == "cuda",
        persistent_workers=workers > 0,
    )
    optimizer = create_optimizer_v2(model, opt="adamw", lr=3e-4, weight_decay=0.05, layer_decay=0.75)
    average = ModelEmaV3(model, decay=0.99)
    loss_of = LabelSmoothingCrossEntropy(0.1)
    model.train()
    for epoch in range(epochs):
        began, seen = time.perf_counter(), 0
        for images, labels in loader:
            images = images.to(device, memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16):
                loss = loss_of(model(images), labels.to(device))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            average.update(model)
            seen += len(images)
        if device.type == "cuda":
            torch.cuda.synchronize()
        print(json.dumps({"epoch": epoch + 1, "images_per_second": seen / (time.perf_counter() - began)}), flush=True)


if __name__ == "__main__":
    main()
