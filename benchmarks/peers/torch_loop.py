"""The same network in PyTorch's own ImageFolder and DataLoader: seconds an epoch, one line of JSON each.

    python torch_loop.py TRAIN_FOLDER EPOCHS BATCH_SIZE [WORKERS]

The loop is that of PyTorch's tutorials: resize, to tensor, batch, forward, backward, step; in float32, as they do.
"""

import json
import sys
import time

import torch
from torch import nn
from torchvision import transforms
from torchvision.datasets import ImageFolder

SIDE = 150


def network() -> nn.Module:
    layers: list[nn.Module] = []
    inputs = 3
    for filters in (32, 64, 64):
        layers += [nn.Conv2d(inputs, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        inputs = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 17 * 17, 256), nn.ReLU(), nn.Linear(256, 1))


def main() -> None:
    folder, epochs, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    workers = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    torch.manual_seed(0)
    to_tensor = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])
    photos = ImageFolder(folder, to_tensor)
    loader = torch.utils.data.DataLoader(
        photos, batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    model = network()
    assert sum(p.numel() for p in model.parameters()) == 4_791_809
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        began = time.perf_counter()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(model(images)[:, 0], labels.float())
            loss.backward()
            optimizer.step()
        print(json.dumps({"epoch": epoch + 1, "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
