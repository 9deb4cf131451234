#!/usr/bin/env bash
# tifffile 2026.3.3 with imagecodecs 2026.3.6: NaN in a GeoTIFF that GDAL compressed with LERC is read as 0.
#
# Guessed: a float TIFF has the same values whatever lossless compression it was written with.
# Seen: libtiff keeps not-a-number as LERC's mask of valid pixels, as LERC cannot hold it otherwise. tifffile calls
# `imagecodecs.lerc_decode(data)` without its mask, so "no data" becomes 0, a height or temperature as good as any.
# GDAL (rasterio) reads NaN; `lerc_decode(data, masks=True)` returns the mask.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet rasterio==1.4.4 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PY'
import imagecodecs
import numpy as np
import rasterio
import tifffile

values = np.linspace(5, 9, 32 * 32, dtype=np.float32).reshape(32, 32)
values[4:8] = np.nan
seen = {}
for compression in ("deflate", "lerc"):
    with rasterio.open("a.tif", "w", driver="GTiff", width=32, height=32, count=1, dtype="float32", compress=compression) as file:
        file.write(values, 1)
    with rasterio.open("a.tif") as file:
        assert np.array_equal(file.read(1), values, equal_nan=True)
    seen[compression] = tifffile.imread("a.tif")
    print(f"{compression}: GDAL reads {values[5, 5]}, tifffile {seen[compression][5, 5]}")
print(f"tifffile {tifffile.__version__}, imagecodecs {imagecodecs.__version__}, rasterio {rasterio.__version__}")
assert np.array_equal(seen["deflate"], values, equal_nan=True)
assert (seen["lerc"][4:8] == 0).all(), "tifffile reads NaN now"
PY
