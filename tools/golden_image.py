"""Writes tests/golden/image/: small image files of every kind, with the pixels they must give; bad ones; resampled arrays.

    python tools/golden_image.py            (needs numpy, pillow, tifffile, torch)

expected.txt    FILE TYPE C D H W, then C*D*H*W values, channel by channel; from the arrays the files were made of, for JPEG
                (and JPEG inside TIFF) from Pillow
resample.txt    MODE C D H W OD OH OW, then the input's and the output's values; from torch's interpolate
bad/            files that must be refused; tests/unit/test_image_bad.c has their sentences
"""
import io
import pathlib
import struct
import zlib

import numpy as np
import tifffile
import torch
import torch.nn.functional as F
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "image"
H, W = 9, 13
rng = np.random.default_rng(7)
expected = []


def expect(name, pixels, channels_last=False):
    """pixels: HW, CHW with channels_last=False, HWC with True, or DHW given as 4 axes CDHW."""
    if channels_last:
        pixels = np.moveaxis(pixels, -1, 0)
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    kind = {"u": "u", "i": "i", "f": "f"}[pixels.dtype.kind] + str(8 * pixels.dtype.itemsize)
    values = " ".join(repr(v.item()) for v in pixels.ravel())
    expected.append(f"{name} {kind} {' '.join(map(str, pixels.shape))} {values}")


def save(name, data):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# ---- PNG, written by hand so that every kind can be had ------------------------------------------------------------------
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]  # x0 y0 dx dy


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(rows, depth):
    """rows: H x W x samples. Every row gets filter 0, but every second one filter 1 (Sub) where samples are whole bytes."""
    out = b""
    for y, row in enumerate(rows):
        flat = row.ravel()
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        elif depth == 8:
            data = flat.astype("u1").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        step = row.shape[-1] * depth // 8
        if depth >= 8 and y % 2:
            data = bytes((b - (data[i - step] if i >= step else 0)) & 255 for i, b in enumerate(data))
            out += b"\1" + data
        else:
            out += b"\0" + data
    return out


def png(pixels, depth, colour, interlaced=False, palette=None, transparency=None):
    pixels = pixels.reshape(*pixels.shape[:2], SAMPLES[colour])
    height, width = pixels.shape[:2]
    if interlaced:
        raw = b"".join(pack(pixels[y::dy, x::dx], depth) for x, y, dx, dy in ADAM7 if pixels[y::dy, x::dx].size)
    else:
        raw = pack(pixels, depth)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    if palette is not None:
        out += chunk(b"PLTE", palette.astype("u1").tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def draw(depth, samples, most=None):
    high = most if most else 1 << depth
    return rng.integers(0, high, (H, W, samples)).astype("u2" if depth == 16 else "u1")


def make_png():
    for interlaced in (False, True):
        tail = "-interlaced.png" if interlaced else ".png"
        for depth in (1, 2, 4, 8, 16):
            grey = draw(depth, 1)
            save(f"grey{depth}{tail}", png(grey, depth, GREY, interlaced))
            scale = 255 // ((1 << depth) - 1) if depth < 8 else 1
            expect(f"grey{depth}{tail}", (grey * scale)[..., 0].astype(grey.dtype))
        for depth in (8, 16):
            for name, colour, channels in (("rgb", RGB, 3), ("rgba", RGBA, 3), ("grey-alpha", GREY_ALPHA, 1)):
                pixels = draw(depth, SAMPLES[colour])
                save(f"{name}{depth}{tail}", png(pixels, depth, colour, interlaced))
                expect(f"{name}{depth}{tail}", pixels[..., :channels], True)
    for depth in (1, 2, 4, 8):
        entries = min(1 << depth, 200)
        palette = rng.integers(0, 256, (entries, 3))
        index = draw(depth, 1, entries)
        save(f"palette{depth}.png", png(index, depth, PALETTE, False, palette))
        expect(f"palette{depth}.png", palette[index[..., 0]].astype("u1"), True)
    palette = np.repeat(rng.integers(0, 256, (5, 1)), 3, axis=1)
    index = draw(4, 1, 5)
    save("palette-grey.png", png(index, 4, PALETTE, True, palette, bytes([0, 128, 255])))
    expect("palette-grey.png", palette[index[..., 0], 0].astype("u1"))
    palette = rng.integers(0, 256, (5, 3))
    save("palette-transparent.png", png(index, 8, PALETTE, False, palette, bytes([0, 128, 255])))
    expect("palette-transparent.png", palette[index[..., 0]].astype("u1"), True)
    grey = draw(8, 1)
    save("grey-transparent.png", png(grey, 8, GREY, False, None, struct.pack(">H", int(grey[0, 0, 0]))))
    expect("grey-transparent.png", grey[..., 0])
    one = np.array([[[77]]], "u1")
    save("one-pixel.png", png(one, 8, GREY, True))
    expect("one-pixel.png", one[..., 0])
    for line in expected:  # Pillow agrees where it reads the kind at full depth
        name = line.split()[0]
        if "16" not in name and "transparent" not in name and "palette-grey" not in name:
            with Image.open(OUT / name) as image:
                channels = int(line.split()[2])
                pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
                if "alpha" not in name and "rgba" not in name:
                    ours = np.array(line.split()[6:], int).reshape(channels, *pixels.shape[:2])
                    assert (np.atleast_3d(pixels).transpose(2, 0, 1) == ours).all(), name


# ---- JPEG -----------------------------------------------------------------------------------------------------------------
def smooth(height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(0.3 * x + c) * np.cos(0.25 * y - c) for c in range(channels)]
    return np.stack(planes, -1).round().astype("u1")


def make_jpeg():
    def jpeg(name, pixels, **options):
        buffer = io.BytesIO()
        Image.fromarray(pixels.squeeze()).save(buffer, "JPEG", **options)
        save(name, buffer.getvalue())
        back = np.asarray(Image.open(buffer))
        expect(name, back, back.ndim == 3)

    jpeg("grey.jpg", smooth(17, 21, 1), quality=90)
    jpeg("rgb-444.jpg", smooth(17, 21, 3), quality=90, subsampling=0)
    jpeg("rgb-420.jpg", smooth(17, 21, 3), quality=80, subsampling=2)
    jpeg("rgb-progressive.jpg", smooth(17, 21, 3), quality=85, progressive=True)
    jpeg("rgb-restart.jpg", smooth(33, 21, 3), quality=85, restart_marker_blocks=1)
    jpeg("one-pixel.jpg", smooth(1, 1, 3), quality=95)


# ---- TIFF -----------------------------------------------------------------------------------------------------------------
def tiff(pixels, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def pillow_tiff(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def make_tiff():
    for kind in ("u1", "u2", "i1", "i2", "i4", "f4", "f8"):
        dtype = np.dtype(kind)
        if dtype.kind == "f":
            pixels = rng.normal(0, 1000, (H, W)).astype(dtype)
        else:
            pixels = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (H, W), dtype, endpoint=True)
        save(f"{kind}.tif", tiff(pixels, photometric="minisblack"))
        expect(f"{kind}.tif", pixels.astype("i2") if kind == "i1" else pixels)
    pixels = rng.integers(0, 2**31, (H, W)).astype("u4")
    save("u4.tif", tiff(pixels, photometric="minisblack"))
    expect("u4.tif", pixels.astype("i4"))

    grey16 = rng.integers(0, 65536, (H, W)).astype("u2")
    rgb = rng.integers(0, 256, (H, W, 3)).astype("u1")
    rgb16 = rng.integers(0, 65536, (H, W, 3)).astype("u2")
    rgba = rng.integers(0, 256, (H, W, 4)).astype("u1")
    floats = rng.normal(size=(H, W)).astype("f4")
    for name, pixels, options in (
        ("grey16-big-endian.tif", grey16, dict(photometric="minisblack", byteorder=">")),
        ("grey16-bigtiff.tif", grey16, dict(photometric="minisblack", bigtiff=True)),
        ("grey16-strips.tif", grey16, dict(photometric="minisblack", rowsperstrip=2, compression="zlib")),
        ("grey16-tiles.tif", grey16, dict(photometric="minisblack", tile=(16, 16), compression="zlib")),
        ("float-strips.tif", floats, dict(photometric="minisblack", rowsperstrip=4, compression="zlib", byteorder=">")),
        ("rgb-contiguous.tif", rgb, dict(photometric="rgb")),
        ("rgb16-tiles.tif", rgb16, dict(photometric="rgb", tile=(16, 16))),
        ("rgba.tif", rgba, dict(photometric="rgb", extrasamples=["unassalpha"])),
    ):
        save(name, tiff(pixels, **options))
        expect(name, pixels[..., :3] if pixels.ndim == 3 else pixels, pixels.ndim == 3)
    planes = np.ascontiguousarray(np.moveaxis(rgba, -1, 0))
    save("rgb-planar.tif", tiff(planes[:3], photometric="rgb", planarconfig="separate", rowsperstrip=4))
    expect("rgb-planar.tif", planes[:3])
    save("rgba-planar-tiles.tif", tiff(planes, photometric="rgb", planarconfig="separate", tile=(16, 16), extrasamples=["unassalpha"]))
    expect("rgba-planar-tiles.tif", planes[:3])
    save("white-is-zero.tif", tiff(grey16, photometric="miniswhite"))
    expect("white-is-zero.tif", 65535 - grey16)
    volume = rng.integers(-500, 500, (4, H, W)).astype("i2")
    save("pages.tif", tiff(volume, photometric="minisblack", compression="zlib"))
    expect("pages.tif", volume[None])
    pages = io.BytesIO()  # a thumbnail between two pages is no slice
    with tifffile.TiffWriter(pages) as writer:
        writer.write(volume[0], photometric="minisblack", metadata=None)
        writer.write(volume[0, ::3, ::3], photometric="minisblack", metadata=None, subfiletype=1)
        writer.write(volume[1], photometric="minisblack", metadata=None)
    save("pages-thumbnail.tif", pages.getvalue())
    expect("pages-thumbnail.tif", volume[None, :2])

    image = Image.fromarray(rgb)
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
        name = f"rgb-{compression.replace('tiff_', '').replace('_', '-')}.tif"
        save(name, pillow_tiff(image, compression=compression))
        expect(name, rgb, True)
    bits = rng.random((H, 37)) < 0.5
    for compression in ("raw", "group3", "group4"):
        save(f"bits-{compression}.tif", pillow_tiff(Image.fromarray(bits), compression=None if compression == "raw" else compression))
        expect(f"bits-{compression}.tif", bits.astype("u1") * 255)
    palette = rng.integers(0, 256, (256, 3)).astype("u1")
    index = rng.integers(0, 256, (H, W)).astype("u1")
    indexed = Image.fromarray(index, "P")
    indexed.putpalette(palette.tobytes())
    save("palette.tif", pillow_tiff(indexed))
    expect("palette.tif", palette[index], True)
    indexed.putpalette(np.repeat(palette[:, :1], 3, axis=1).tobytes())
    save("palette-grey.tif", pillow_tiff(indexed))
    expect("palette-grey.tif", palette[index, 0])
    data = pillow_tiff(Image.fromarray(smooth(17, 21, 3)), compression="jpeg", quality=90)
    save("rgb-jpeg.tif", data)
    expect("rgb-jpeg.tif", np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), True)


# ---- bad files --------------------------------------------------------------------------------------------------------------
def make_bad():
    def ihdr(width, height, depth=8, colour=0):
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))

    def patched_tiff(values, **options):
        """A 9 x 13 TIFF with the values of some tags replaced."""
        data = bytearray(tiff(np.zeros((H, W), "u1"), photometric="minisblack", **options))
        first = struct.unpack_from("<I", data, 4)[0]
        for i in range(struct.unpack_from("<H", data, first)[0]):
            at = first + 2 + 12 * i
            tag = struct.unpack_from("<H", data, at)[0]
            if tag in values:
                struct.pack_into("<HHII", data, at, tag, 4, 1, values[tag])
        return bytes(data)

    body = chunk(b"IDAT", zlib.compress(bytes(1024 - 80), 0)) + chunk(b"IEND", b"")
    save("bad/text.png", b"hello, I am no image\n")
    save("bad/empty.png", b"")
    save("bad/gzip.png", b"\x1f\x8b\x08\x00 not ours")
    save("bad/no-width.png", ihdr(0, 5) + body)
    save("bad/no-height.png", ihdr(5, 0) + body)
    save("bad/huge.png", ihdr(40000, 40000, 8, 2) + body)
    save("bad/vast.png", ihdr(2**31 - 1, 2**31 - 1, 16, 6) + body)
    save("bad/implausible.png", ihdr(2000, 2000) + body)
    save("bad/depth.png", ihdr(3, 3, 5) + body)
    save("bad/no-palette.png", ihdr(3, 3, 8, 3) + body)
    save("bad/no-data.png", ihdr(3, 3) + chunk(b"IEND", b""))

    buffer = io.BytesIO()
    Image.fromarray(smooth(16, 16, 1)[..., 0]).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0") + 5  # height, width
    struct.pack_into(">HH", data, frame, 40000, 40000)
    save("bad/huge.jpg", bytes(data))
    struct.pack_into(">HH", data, frame, 20000, 20000)
    save("bad/implausible.jpg", bytes(data))
    struct.pack_into(">HH", data, frame, 0, 16)
    save("bad/no-height.jpg", bytes(data))
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 4), 90, "u1"), "CMYK").save(buffer, "JPEG")
    save("bad/cmyk.jpg", buffer.getvalue())

    save("bad/huge.tif", patched_tiff({256: 40000, 257: 40000, 278: 40000}))  # one strip: some libtiff refuse 40000 unseen
    save("bad/huge-tiles.tif", patched_tiff({322: 1 << 20, 323: 1 << 20}, tile=(16, 16)))
    save("bad/no-width.tif", patched_tiff({256: 0}))
    save("bad/no-height.tif", patched_tiff({257: 0}))
    save("bad/compression.tif", patched_tiff({259: 34676}))
    save("bad/photometric.tif", patched_tiff({262: 5}))
    save("bad/photometric-cielab.tif", patched_tiff({262: 8}))
    save("bad/bits.tif", patched_tiff({258: 7}))
    save("bad/float16.tif", tiff(np.zeros((H, W), "f2"), photometric="minisblack"))
    save("bad/complex.tif", tiff(np.zeros((H, W), "c8"), photometric="minisblack"))
    save("bad/five-samples.tif", tiff(np.zeros((H, W, 5), "u1"), photometric="minisblack", planarconfig="contig"))
    save("bad/too-large.tif", tiff(np.full((H, W), 2**31, "u4"), photometric="minisblack"))
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        writer.write(np.zeros((H, W), "u1"), photometric="minisblack", metadata=None)
        writer.write(np.zeros((H, W + 1), "u1"), photometric="minisblack", metadata=None)
    save("bad/unlike-pages.tif", pages.getvalue())


# ---- resampling ---------------------------------------------------------------------------------------------------------------
def make_resampled():
    lines = []

    def case(mode, shape, out):
        data = rng.integers(-100, 300, shape).astype("f4")
        x = torch.from_numpy(data)[None]
        if mode == "nearest":
            y = F.interpolate(x, out, mode="nearest-exact")
        else:  # torch has no antialiased trilinear filter: the plane first, then along D, which are the same sums
            c, d, h, w = shape
            y = F.interpolate(x[0], out[1:], mode="bilinear", antialias=True, align_corners=False)
            y = y.reshape(1, c, d, -1)
            y = F.interpolate(y, (out[0], y.shape[-1]), mode="bilinear", antialias=True, align_corners=False)
            y = y.reshape(1, c, *out)
            if all(o >= i for o, i in zip(out, shape[1:])):
                plain = F.interpolate(x, out, mode="trilinear", align_corners=False)
                assert torch.allclose(plain, y, atol=1e-3), "enlarging is plain interpolation"
        assert y.shape[1:] == (shape[0], *out)
        ints = " ".join(str(int(v)) for v in data.ravel())
        lines.append(f"{mode} {' '.join(map(str, (*shape, *out)))} {ints} " + " ".join(repr(v) for v in y.numpy().ravel().tolist()))

    for mode in ("linear", "nearest"):
        case(mode, (1, 1, 7, 9), (1, 7, 9))
        case(mode, (1, 1, 7, 9), (1, 3, 4))
        case(mode, (3, 1, 6, 11), (1, 5, 5))
        case(mode, (2, 1, 4, 5), (1, 9, 13))
        case(mode, (1, 1, 13, 4), (1, 2, 11))
        case(mode, (1, 1, 1, 1), (1, 3, 2))
        case(mode, (1, 1, 23, 17), (1, 1, 1))
        case(mode, (1, 4, 5, 6), (7, 8, 9))
        case(mode, (2, 8, 5, 6), (3, 4, 2))
        case(mode, (1, 5, 3, 4), (2, 7, 4))
    (OUT / "resample.txt").write_text("\n".join(lines) + "\n")


make_png()
make_jpeg()
make_tiff()
make_bad()
make_resampled()
(OUT / "expected.txt").write_text("\n".join(expected) + "\n")
print(f"{OUT}: {len(expected)} images")
