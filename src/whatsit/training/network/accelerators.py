"""What networks are trained on, by the names that `--device` has for all that runs a network. It imports no PyTorch."""

from whatsit.errors import WhatsitError

ACCELERATORS = {"cpu": "cpu", "cuda": "cuda", "mps": "mps"}  # Lightning's name of a device


def check_accelerator(device: str, devices: int) -> None:
    """Raises WhatsitError where PyTorch cannot train on so many of it here."""
    if device not in ACCELERATORS:
        known = ", ".join(ACCELERATORS)
        raise WhatsitError(f"--device {device}: networks are trained on {known}. Give one of these")
    if device == "cuda" and (found := _gpus()) < devices:
        asked = f"--device cuda --devices {devices}" if devices > 1 else "--device cuda"
        there = f"PyTorch finds {found} GPU{'' if found == 1 else 's'} here"
        less = f"Give --devices {found}" if found else "Leave it out to train on the CPU"
        raise WhatsitError(f"{asked}: {there}. {less}, or look at what nvidia-smi says")
    if device == "mps":
        _check_apple(devices)


def _check_apple(devices: int) -> None:
    from torch.backends import mps

    if devices > 1:
        raise WhatsitError(f"--device mps --devices {devices}: a Mac has one GPU. Leave --devices out")
    if not mps.is_available():
        raise WhatsitError("--device mps: PyTorch finds no GPU of Apple's here. Leave it out to train on the CPU")


def _gpus() -> int:
    from torch.cuda import device_count

    return device_count()
