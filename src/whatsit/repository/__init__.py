"""Named models, numbered versions, and which one answers: folders on a disk, and a small file of names beside them.

    names       what may be a name
    layout      where things lie
    aliases     which version a name stands for
    triton      what lets NVIDIA Triton serve the same folder
    copying, locking   how a version gets in whole, and one writer at a time
    store       the `Repository`: add, default, rollback, alias, remove, prune
    entries     what there is to say of a version
    judged, compare    two versions on the same photos
    terminal    all of that for people

Reading imports neither NumPy nor ONNX Runtime: the server reads it again and again. It knows neither HTTP nor how a
model is made.
"""

from whatsit.repository.names import check_name, valid_name
from whatsit.repository.store import Added, Removed, Repository

__all__ = ["Added", "Removed", "Repository", "check_name", "valid_name"]
