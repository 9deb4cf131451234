"""Whatever a program holds is read as what it is, or refused in a line; nothing is taken for many that is one."""

import array
import ctypes
import gzip
import io
import mmap
import tempfile
import zipfile
from collections import UserDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pytest
import torch
from drawn import drawn_photo
from numpy.typing import NDArray
from PIL import Image, ImageFile

from images.samples import encode
from whatsit.errors import ImageError
from whatsit.images.decode import read_image
from whatsit.images.inputs import from_memory, readable, unpacked
from whatsit.images.limits import Limits
from whatsit.model.prediction import Prediction
from whatsit.training.run import Trained

PIXELS = drawn_photo("shells", 3)
PNG = encode(PIXELS, "PNG")
GREY = PIXELS[:, :, 0]


class BytesPath(PathLike[bytes]):
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return bytes(self.path)


class Slow(io.RawIOBase):
    """Gives few bytes at a time, and cannot go back: as a pipe or a response does."""

    def __init__(self) -> None:
        self._rest = PNG

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        some, self._rest = self._rest[:1000], self._rest[1000:]
        return some


class NoSeek:
    """As a library's response: `read` alone, and an iterator of pieces."""

    def __init__(self) -> None:
        self._file = io.BytesIO(PNG)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)


class ArrayLike:
    def __array__(self, *_: object, **__: object) -> NDArray[np.uint8]:
        return PIXELS


class OnlyDLPack:
    def __dlpack__(self, **options: Any) -> Any:
        return PIXELS.copy().__dlpack__()

    def __dlpack_device__(self) -> Any:
        return PIXELS.__dlpack_device__()


def at_its_end() -> io.BytesIO:
    file = io.BytesIO()
    file.write(PNG)
    return file


def mapped(folder: Path) -> mmap.mmap:
    with (folder / "a.png").open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def in_a_zip(folder: Path) -> zipfile.Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "a.png", "inner/a.png")
    return zipfile.Path(folder / "a.zip", "inner/a.png")


def spooled(_: Path) -> Any:
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    file.write(PNG)
    return file


def packed(folder: Path) -> Any:
    (folder / "a.gz").write_bytes(gzip.compress(PNG))
    return gzip.open(folder / "a.gz")


ONE: dict[str, Callable[[Path], Any]] = {
    "str": lambda folder: str(folder / "a.png"),
    "Path": lambda folder: folder / "a.png",
    "np.str_": lambda folder: np.array([str(folder / "a.png")])[0],
    "an array of one text, without an axis": lambda folder: np.array(str(folder / "a.png")),
    "a path of bytes": lambda folder: BytesPath(folder / "a.png"),
    "file://": lambda folder: (folder / "a.png").as_uri(),
    "bytes": lambda _: PNG,
    "np.bytes_": lambda _: np.bytes_(PNG),
    "bytearray": lambda _: bytearray(PNG),
    "memoryview": lambda _: memoryview(PNG),
    "memoryview of a part": lambda _: memoryview(b"before" + PNG)[6:],
    "mmap": mapped,
    "array.array": lambda _: array.array("B", PNG),
    "ctypes": lambda _: (ctypes.c_ubyte * len(PNG)).from_buffer_copy(PNG),
    "pyarrow's buffer": lambda _: pa.py_buffer(PNG),
    "an array of bytes": lambda _: np.frombuffer(PNG, np.uint8),
    "a tensor of bytes": lambda _: torch.frombuffer(bytearray(PNG), dtype=torch.uint8),
    "BytesIO": lambda _: io.BytesIO(PNG),
    "BytesIO at its end": lambda _: at_its_end(),
    "an open file": lambda folder: (folder / "a.png").open("rb"),
    "a file without a buffer": lambda folder: (folder / "a.png").open("rb", buffering=0),
    "a pipe": lambda _: Slow(),
    "a response": lambda _: NoSeek(),
    "gzip's file": packed,
    "a spooled file": spooled,
    "a file in a zip": in_a_zip,
    "an open file in a zip": lambda folder: in_a_zip(folder).open("rb"),
    "fsspec's file": lambda folder: fsspec.open(str(folder / "a.png")),
    "fsspec's open file": lambda folder: fsspec.open(str(folder / "a.png")).open(),
    "Pillow's": lambda _: Image.fromarray(PIXELS),
    "Pillow's, not loaded": lambda folder: Image.open(folder / "a.png"),
    "an array": lambda _: PIXELS,
    "a Fortran array": lambda _: np.asfortranarray(PIXELS),
    "a turned view": lambda _: PIXELS[::-1, ::-1][::-1, ::-1],
    "opaque": lambda _: np.dstack([PIXELS, np.full(GREY.shape, 255, np.uint8)]),
    "memoryview of pixels": lambda _: memoryview(PIXELS.copy()),  # type: ignore[arg-type]
    "a tensor": lambda _: torch.from_numpy(PIXELS.copy()),
    "a tensor with a history": lambda _: torch.from_numpy(PIXELS.copy()).clone(),
    "a tensor, channels first": lambda _: torch.from_numpy(PIXELS.copy()).permute(2, 0, 1),
    "like an array": lambda _: ArrayLike(),
    "DLPack alone": lambda _: OnlyDLPack(),
}


def pixels_of(source: Any) -> NDArray[np.uint8]:
    return read_image(source) if isinstance(source, str | bytes) else from_memory(source)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(PNG)
    return tmp_path


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", ONE)
def test_one_image(kind: str, folder: Path) -> None:
    given = ONE[kind](folder)
    is_one, many = unpacked(given)
    assert is_one
    assert [one is given for one in many] == [True]
    np.testing.assert_array_equal(pixels_of(readable(given)), PIXELS)


def test_a_file_can_be_asked_about_again(folder: Path) -> None:
    with (folder / "a.png").open("rb") as file:
        assert readable(file) == readable(file) == PNG


def test_one_file_read_by_many_threads() -> None:
    file = io.BytesIO(PNG)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: readable(file), range(100))) == {PNG}


GREYS: dict[str, Any] = {
    "(H, W)": GREY,
    "(H, W, 1)": GREY[:, :, None],
    "Pillow's": Image.fromarray(GREY),
    "a tensor": torch.from_numpy(GREY.copy()),
    "opaque": np.dstack([GREY, np.full(GREY.shape, 255, np.uint8)]),
}


@pytest.mark.parametrize("kind", GREYS)
def test_grey(kind: str) -> None:
    assert unpacked(GREYS[kind])[0]
    np.testing.assert_array_equal(pixels_of(readable(GREYS[kind])), np.dstack([GREY] * 3))


def test_black_and_white_of_truths() -> None:
    mask = GREY > 128
    np.testing.assert_array_equal(pixels_of(readable(mask)), np.dstack([mask * np.uint8(255)] * 3))


def test_transparency_of_an_array_is_as_of_a_file() -> None:
    alpha = np.indices(GREY.shape)[1].astype(np.uint8)
    for given in (np.dstack([PIXELS, alpha]), np.dstack([GREY, alpha])):
        expected = read_image(encode(Image.fromarray(given), "PNG"))
        np.testing.assert_array_equal(pixels_of(readable(given)), expected)


MANY: dict[str, Callable[[list[Any]], Any]] = {
    "a list": list,
    "a tuple": tuple,
    "an iterator": iter,
    "a generator": lambda many: (one for one in many),
    "map": lambda many: map(str, many),
    "a deque": deque,
    "values of a dictionary": lambda many: dict(enumerate(many)).values(),
    "an array of texts": np.array,
    "an array of objects": lambda many: np.array(many, object),
    "a column of a table": lambda many: np.array(many, object)[:, None],
    "pyarrow's": pa.array,
}


@pytest.mark.parametrize("kind", MANY)
def test_many(kind: str) -> None:
    for names in (["a.png", "b.png"], ["a.png"]):
        is_one, many = unpacked(MANY[kind](names))
        assert not is_one
        assert list(many) == names


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_stack_is_many(channels: int) -> None:
    stack = np.stack([np.dstack([PIXELS, GREY])[:, :, :channels]] * 2)
    for given in (stack, torch.from_numpy(stack.copy())):
        is_one, many = unpacked(given)
        assert not is_one
        assert [np.asarray(one).shape for one in many] == [stack.shape[1:]] * 2


def test_nothing_is_many() -> None:
    nothing: list[Any] = [[], (), iter([]), np.array([], object), np.array([], str)]
    for none in nothing:
        is_one, many = unpacked(none)
        assert (is_one, list(many)) == (False, [])


UNCLEAR: dict[str, tuple[Any, str]] = {
    "a dictionary": ({"a.png": 1}, "Give its values, or its keys, as a list"),
    "like a dictionary": (UserDict({"a.png": 1}), "Give its values, or its keys, as a list"),
    "a set": ({"a.png"}, "a set has no order"),
    "a frozen set": (frozenset({"a.png"}), "a set has no order"),
    "keys": ({"a.png": 1}.keys(), "a set has no order"),
    "numbers": ([1, 2, 3], "numpy.array"),
    "pixels in lists": (PIXELS.tolist(), "numpy.array"),
    "channels first": (PIXELS.transpose(2, 0, 1), r"Give x\.transpose\(1, 2, 0\)"),
    "a tensor of five, first": (torch.zeros(5, 30, 40, dtype=torch.uint8), r"x\.permute\(1, 2, 0\)"),
    "three rows, as a tensor": (torch.zeros(3, 3, 40, dtype=torch.uint8), r"x\.permute\(1, 2, 0\)"),
    "grey images": (np.stack([GREY] * 5), r"Grey images\? Give list\(x\)"),
    "three grey images": (np.stack([GREY] * 3), r"Grey images\? Give list\(x\)"),
    "five axes": (PIXELS[None, None], "expected .*H, W, channels"),
    "a table": (np.array([["a.png", "cat"], ["b.png", "dog"]]), r"expected one column of images"),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_what_may_be_meant_in_several_ways_is_refused(kind: str) -> None:
    given, words = UNCLEAR[kind]
    with pytest.raises(ImageError, match=rf"(?i)^\w+.*: .*{words}") as caught:
        unpacked(given)
    assert "\n" not in str(caught.value)


class Raises:
    def read(self, size: int = -1) -> bytes:
        raise RuntimeError("the server\nis gone")


class Async:
    async def read(self, size: int = -1) -> bytes:
        return PNG


class OnAGpu:
    def __array__(self, *_: object, **__: object) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def closed(file: Any) -> Any:
    file.close()
    return file


def truncated() -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(PNG[: len(PNG) // 2]))


def released() -> memoryview:
    view = memoryview(PNG)
    view.release()
    return view


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "None": (lambda: None, "NoneType: expected a path"),
    "a number": (lambda: 5, "int: expected a path"),
    "NumPy's number": (lambda: np.float32(5), "float32: expected a path"),
    "an object": (object, "object: expected a path"),
    "a class": (lambda: io.BytesIO, "expected a path"),
    "a function": (lambda: print, "expected a path"),
    "a list within a list": (lambda: ["a.png"], "list: expected a path"),
    "text": (lambda: io.StringIO("a"), r"opened as text. Open it as bytes: open\(path, 'rb'\)"),
    "closed": (lambda: closed(io.BytesIO(PNG)), "cannot be read: I/O operation on closed file"),
    "a file that fails": (Raises, "Raises cannot be read: the server$"),
    "an asynchronous file": (Async, r"its read\(\) gives coroutine, expected bytes"),
    "empty": (lambda: io.BytesIO(b""), r"empty file \(0 bytes\)"),
    "no bytes": (lambda: memoryview(b""), r"empty file \(0 bytes\)"),
    "released": (released, "memoryview"),
    "numbers of 8 bytes": (lambda: array.array("d", [1.0]), "numbers of 8 bytes"),
    "Pillow's, closed": (lambda: closed(Image.open(io.BytesIO(PNG))), "PngImageFile cannot be read: "),
    "Pillow's, truncated": (truncated, "PngImageFile cannot be read: "),
    "a tensor elsewhere": (OnAGpu, r"OnAGpu: cannot be made a NumPy array \(can't convert cuda:0"),
    "a tensor without numbers": (lambda: torch.empty((4, 4, 3), device="meta"), "cannot be made a NumPy array"),
    "shares": (lambda: PIXELS / 255, r"\(x \* 255\)\.round\(\)\.astype\('uint8'\)"),
    "shares in a tensor": (lambda: torch.rand(9, 9, 3), "array of float32 .* expected uint8"),
    "16 bits": (lambda: PIXELS.astype(np.uint16), r"\(x \* 255 / N\)"),
    "complex numbers": (lambda: PIXELS.astype(complex), "array of complex128"),
    "no pixels": (lambda: PIXELS[:0], r"array of uint8 \(0, 256, 3\)"),
    "a missing time": (lambda: np.datetime64("NaT"), "datetime64: expected"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_image_is_refused_in_a_line(kind: str) -> None:
    given, words = BAD[kind]
    with pytest.raises(ImageError, match=words) as caught:
        pixels_of(readable(given()))
    assert "\n" not in str(caught.value)


def test_no_more_is_read_than_is_allowed() -> None:
    class Endless:
        read_so_far = 0

        def read(self, size: int) -> bytes:
            assert size >= 0
            self.read_so_far += size
            return bytes(size)

    endless, limits = Endless(), Limits(max_bytes=1000, max_pixels=100)
    with pytest.raises(ImageError, match="too large"):
        readable(endless, limits)
    assert endless.read_so_far <= 1001
    for large in (io.BytesIO(PNG), memoryview(PNG), np.frombuffer(PNG, np.uint8)):
        with pytest.raises(ImageError, match="too large"):
            readable(large, limits)
    with pytest.raises(ImageError, match="too many pixels"):
        readable(Image.open(io.BytesIO(PNG)), limits)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", ONE)
def test_a_classifier_answers_alike(kind: str, model: Trained, folder: Path) -> None:
    expected = model.classifier.predict_proba(PIXELS)
    given = ONE[kind](folder)
    if kind not in ("a pipe", "a response"):  # which can be read once
        assert isinstance(model.classifier.predict(given), Prediction)
        assert model.classifier.explain(given).label == model.classifier.explain(PIXELS).label
    np.testing.assert_allclose(model.classifier.predict_proba(given), expected, atol=1e-5)


def test_among_others_each_is_read_or_has_an_error(model: Trained, folder: Path) -> None:
    given: list[Any] = [
        io.BytesIO(PNG),
        None,
        {"a": 1},
        memoryview(PNG),
        ["x"],
        PIXELS.transpose(2, 0, 1),
        folder / "a.png",
    ]
    answers = model.classifier.predict(given * 2)
    assert [answer.error is None for answer in answers] == [True, False, False, True, False, False, True] * 2
    for unclear in (given[2], given[5]):
        with pytest.raises(ImageError, match="expected"):
            model.classifier.predict(unclear)
    for ask in (model.classifier.predict_each, model.classifier.classify):
        (alone,) = ask(str(folder / "a.png"))
        assert alone.error is None
