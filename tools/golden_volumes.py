"""Writes tests/golden/image/volumes/: small NRRD, MetaImage and HDF5 files of every kind with what SimpleITK and h5py read from
them, and bad ones.

    python tools/golden_volumes.py                  (needs numpy, SimpleITK, h5py)
    python tools/golden_volumes.py --check FOLDER   reads with SimpleITK what test_image_volumes wrote (build/tests/.../volumes-written)
                                                    and compares it with the files it was written from: values and place

expected.txt    FILE TYPE C D H W KNOWN, spacing of D, H, W, origin x, y, z, direction row by row, then C*D*H*W values. The place is
                SimpleITK's, whose world is LPS, in RAS; KNOWN is 0 where the file says nothing of it
bad/            files that must be refused; tests/unit/test_image_volumes.c has their sentences
"""
import argparse
import gzip
import itertools
import pathlib
import zlib

import h5py
import numpy as np
import SimpleITK as sitk

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "image" / "volumes"
SHAPE = (2, 3, 4)  # D, H, W
rng = np.random.default_rng(17)
expected = []

TYPES = {  # NumPy's type: rmseg's, NRRD's, MetaImage's
    "u1": ("u8", "uchar", "MET_UCHAR"), "i1": ("i16", "signed char", "MET_CHAR"), "i2": ("i16", "short", "MET_SHORT"),
    "u2": ("u16", "unsigned short int", "MET_USHORT"), "i4": ("i32", "int32_t", "MET_INT"), "u4": ("f64", "uint", "MET_UINT"),
    "i8": ("f64", "long long int", "MET_LONG_LONG"), "u8": ("f64", "uint64", "MET_ULONG_LONG"), "f4": ("f32", "float", "MET_FLOAT"),
    "f8": ("f64", "double", "MET_DOUBLE"),
}  # fmt: skip
SLANTED = ((0.3, 0.4, 0), (-0.6, 0.45, 0), (0, 0, -3))  # from one voxel to the next along W, H, D


def save(name, data):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def draw(kind, shape=SHAPE):
    if kind[0] == "f":
        return rng.normal(size=shape).astype(kind)
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    if kind[1] == "8":
        least, most = max(least, -(2**53)), min(most, 2**53)
    data = rng.integers(least, most, shape, dtype=kind, endpoint=True)
    data.flat[:2] = least, most
    return data


def describe(name, kind, values, known, spacing=(1, 1, 1), origin=(0, 0, 0), direction=np.eye(3)):
    """`values` (C,D,H,W); spacing of D, H, W; origin and direction in RAS."""
    numbers = [*spacing, *origin, *np.asarray(direction).ravel()]
    values = values.astype("u1") if values.dtype == bool else values
    text = [name, kind, *values.shape, int(known), *(repr(float(n) + 0.0) for n in numbers)]
    expected.append(" ".join(map(str, text + [repr(v.item()) for v in values.ravel()])))


def expect(name, kind, known=True):
    """What SimpleITK says of a file."""
    image = sitk.ReadImage(str(OUT / name))
    size, axes = image.GetSize(), image.GetDimension()
    values = sitk.GetArrayFromImage(image)
    channels = image.GetNumberOfComponentsPerPixel()
    values = np.moveaxis(values, -1, 0) if channels > 1 else values[None]
    values = values.reshape((channels,) + ((1,) + values.shape[1:] if axes == 2 else values.shape[1:]))
    if not known:
        return describe(name, kind, values, False)
    spacing, origin, direction = np.ones(3), np.zeros(3), np.eye(3)
    spacing[:axes], origin[:axes] = image.GetSpacing(), image.GetOrigin()
    direction[:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes))
    ras = np.diag([-1.0, -1, 1])
    describe(name, kind, values, True, spacing[::-1], ras @ origin, (ras @ direction)[:, ::-1])
    return size


def body(data, order, encoding):
    raw = data.astype(data.dtype.newbyteorder(order)).tobytes()
    return {"raw": raw, "gzip": gzip.compress(raw, 9, mtime=0), "zlib": zlib.compress(raw, 9)}[encoding]


# ---- NRRD


def vectors(rows):
    return " ".join("(" + ",".join(repr(float(x)) for x in row) + ")" for row in rows)


def nrrd(data, order="<", encoding="raw", place=None, magic=4, extra="", sizes=None, **fields):
    """A header's fields; `place` is the lines of it."""
    kind = data.dtype.str[1:]
    if place is None:
        place = f"space: left-posterior-superior\nspace directions: {vectors(SLANTED)}\nspace origin: (1,-2,30)"
    head = {"type": TYPES[kind][1], "dimension": data.ndim, "sizes": sizes or " ".join(map(str, data.shape[::-1]))}
    head |= {"encoding": encoding, "endian": "big" if order == ">" else "little"} | fields
    lines = [f"NRRD000{magic}", "# a comment", *place.splitlines()]
    lines[2:2] = [f"{key.replace('_', ' ')}: {value}" for key, value in list(head.items())[:2]]
    lines += [f"{key.replace('_', ' ')}: {value}" for key, value in list(head.items())[2:]]
    return "\n".join(lines + ["a key:=a value: of the user's"]) + extra


def put_nrrd(name, data, known=True, order="<", encoding="raw", before=b"", **how):
    save(name, nrrd(data, order, encoding, **how).encode() + b"\n\n" + before + body(data, order, encoding))
    expect(name, TYPES[data.dtype.str[1:]][0], known)


def make_nrrd():
    for kind, order in itertools.product(TYPES, "<>"):
        put_nrrd(f"{kind}-{'le' if order == '<' else 'be'}.nrrd", draw(kind), order=order)
    put_nrrd("gzip.nrrd", draw("i2"), encoding="gzip")
    put_nrrd("gzip-be.nrrd", draw("f4"), encoding="gzip", order=">")
    for space in ("left-posterior-superior", "RAS", "LAS", "right-anterior-superior", "scanner-xyz", "3D-left-handed"):
        put_nrrd(f"space-{space}.nrrd", draw("u1"), place=f"space: {space}\nspace directions: {vectors(SLANTED)}\nspace origin: (10.5,-20,30)")
    put_nrrd("space-3.nrrd", draw("u1"), place=f"space dimension: 3\nspace directions: {vectors(SLANTED)}\nspace origin: (10.5,-20,30)")
    put_nrrd("spacings.nrrd", draw("u1"), place="spacings: 0.5 0.75 3")
    put_nrrd("spacings-nan.nrrd", draw("u1"), place="spacings: 0.5 NaN 3")
    put_nrrd("mins.nrrd", draw("u1"), place="spacings: 0.5 0.75 3\naxis mins: 5 6 7")
    put_nrrd("mins-node.nrrd", draw("u1"), place="spacings: 0.5 0.75 3\naxis mins: 5 6 7\ncenters: node node node")
    put_nrrd("place-unknown.nrrd", draw("u1"), known=False, place="")
    put_nrrd("flat.nrrd", draw("u2", (3, 4)), place="space dimension: 2\nspace directions: (0.5,0) (0,0.75)\nspace origin: (1,-2)")
    put_nrrd("flat-unknown.nrrd", draw("f4", (3, 4)), known=False, place="")
    put_nrrd("version-1.nrrd", draw("i2"), magic=1, place="spacings: 0.5 0.75 3")
    put_nrrd("colours.nrrd", draw("u1", (2, 3, 4, 3)), kinds="RGB-color domain domain domain",
             place=f"space: left-posterior-superior\nspace directions: none {vectors(SLANTED)}\nspace origin: (1,-2,30)")  # fmt: skip
    put_nrrd("colours-be.nrrd", draw("i2", (2, 3, 4, 2)), order=">", encoding="gzip", kinds="vector domain domain domain",
             place=f"space: RAS\nspace directions: none {vectors(SLANTED)}\nspace origin: (1,-2,30)")  # fmt: skip
    data = draw("i2", (5, 2, 3, 4))  # the channels last, each by itself, as Slicer's sequences and segmentations
    save("planes.nrrd", nrrd(data, kinds="domain domain domain list",
                             place=f"space: RAS\nspace directions: {vectors(SLANTED)} none\nspace origin: (1,-2,30)")
         .encode() + b"\n\n" + body(data, "<", "raw"))  # fmt: skip
    steps = np.array(SLANTED, float)
    size = np.sqrt((steps**2).sum(axis=1))
    describe("planes.nrrd", "i16", data, True, size[::-1], (1, -2, 30), (steps / size[:, None])[::-1].T)
    data = draw("i2")
    save("crlf.nrrd", nrrd(data).replace("\n", "\r\n").encode() + b"\r\n\r\n" + body(data, "<", "raw"))
    expect("crlf.nrrd", "i16")
    data = draw("u1")  # line skip before unpacking, byte skip after it
    packed = gzip.compress(b"12345" + data.tobytes(), 9, mtime=0)
    save("skip-gzip.nrrd", nrrd(data, encoding="gzip", extra="\nline skip: 2\nbyte skip: 5").encode() + b"\n\none\ntwo\n" + packed)
    expect("skip-gzip.nrrd", "u8")
    for name, encoding, ending, order in (("detached", "raw", "raw", "<"), ("detached-gzip", "gzip", "raw.gz", "<"),
                                          ("detached-be", "raw", "dat", ">")):  # fmt: skip
        data = draw("i2")
        save(f"{name}.{ending}", body(data, order, encoding))
        save(f"{name}.nhdr", nrrd(data, order, encoding, data_file=f"{name}.{ending}") + "\n")
        expect(f"{name}.nhdr", "i16")
    data = draw("u2")
    save("skip.dat", b"a line\nanother\n" + bytes(7) + data.tobytes() + b"what follows")
    save("skip.nhdr", nrrd(data, line_skip=2, byte_skip=7, datafile="./skip.dat"))
    expect("skip.nhdr", "u16")
    save("skip-end.dat", b"what precedes" + data.tobytes())
    save("skip-end.nhdr", nrrd(data, byte_skip=-1, data_file="skip-end.dat"))
    expect("skip-end.nhdr", "u16")


# ---- MetaImage


def meta(data, order="<", encoding="raw", channels=1, place=None, file="LOCAL", first="ObjectType = Image", **fields):
    shape = data.shape[: data.ndim - (channels > 1)]
    if place is None:
        place = ("TransformMatrix = 0.6 0.8 0 -0.8 0.6 0 0 0 -1\nOffset = 1 -2 30\nCenterOfRotation = 0 0 0\n"
                 "AnatomicalOrientation = ALS\nElementSpacing = 0.5 0.75 3")  # fmt: skip
    head = {"NDims": len(shape), "BinaryData": True, "BinaryDataByteOrderMSB": order == ">", "CompressedData": encoding == "zlib"}
    if encoding == "zlib":
        head["CompressedDataSize"] = len(body(data, order, encoding))
    head["DimSize"] = " ".join(map(str, shape[::-1]))
    if channels > 1:
        head["ElementNumberOfChannels"] = channels
    head |= {"ElementType": TYPES[data.dtype.str[1:]][2]} | fields
    lines = [first] * bool(first) + [f"{key} = {value}" for key, value in head.items()]
    return "\n".join(lines[:4] + place.splitlines() + lines[4:] + [f"ElementDataFile = {file}"]) + "\n"


def put_meta(name, data, known=True, order="<", encoding="raw", **how):
    save(name, meta(data, order, encoding, **how).encode() + body(data, order, encoding))
    expect(name, TYPES[data.dtype.str[1:]][0], known)


def make_meta():
    for kind, order in itertools.product(TYPES, "<>"):
        put_meta(f"{kind}-{'le' if order == '<' else 'be'}.mha", draw(kind), order=order)
    put_meta("packed.mha", draw("i2"), encoding="zlib")
    put_meta("packed-be.mha", draw("f4"), encoding="zlib", order=">")
    put_meta("long.mha", draw("i4"), ElementType="MET_LONG")
    put_meta("size-of-voxel.mha", draw("u1"), place="ElementSize = 2 2 3")
    put_meta("older-names.mha", draw("u1"), place="Position = 2 2 3\nRotation = 0 1 0 1 0 0 0 0 1\nElementSpacing = 1 2 3", first="")
    put_meta("spacing-negative.mha", draw("u1"), place="ElementSpacing = 1 -2 3\nOffset = 0 0 0")
    put_meta("place-unknown.mha", draw("u1"), known=False, place="")
    put_meta("flat.mha", draw("u2", (3, 4)), place="TransformMatrix = 0 1 1 0\nOffset = 1 -2\nElementSpacing = 0.5 0.75")
    put_meta("one-slice.mha", draw("u2", (1, 3, 4)))
    put_meta("colours.mha", draw("u1", (2, 3, 4, 3)), channels=3)
    put_meta("colours-be.mha", draw("f4", (2, 3, 4, 2)), channels=2, order=">", encoding="zlib")
    put_meta("comment.mha", draw("u1"), Comment="by hand", Modality="MET_MOD_MR")
    for name, encoding, ending, order in (("detached-m", "raw", "raw", "<"), ("detached-m-packed", "zlib", "zraw", "<"),
                                          ("detached-m-be", "raw", "bin", ">")):  # fmt: skip
        data = draw("i2")
        save(f"{name}.{ending}", body(data, order, encoding))
        save(f"{name}.mhd", meta(data, order, encoding, file=f"{name}.{ending}"))
        expect(f"{name}.mhd", "i16")
    data = draw("u2")
    save("header.bin", b"sixteen bytes.. " + data.tobytes())
    save("header.mhd", meta(data, HeaderSize=16, file="header.bin"))
    expect("header.mhd", "u16")
    save("header-end.mhd", meta(data, HeaderSize=-1, file="header.bin"))
    expect("header-end.mhd", "u16")


def make_itk():
    """Files of another writer, which may change its ways."""
    for kind, ending, packed in itertools.product(("u1", "i2", "f4", "u8"), ("nrrd", "mha", "nhdr", "mhd"), (False, True)):
        image = sitk.GetImageFromArray(draw(kind))
        image.SetSpacing((0.625, 0.75, 2.5))
        image.SetOrigin((1, -2, 30))
        image.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, -1))
        name = f"itk-{kind}-{ending}{'-packed' * packed}.{ending}"
        sitk.WriteImage(image, str(OUT / name), packed)
        expect(name, TYPES[kind][0])


# ---- HDF5


def put_hdf5(name, data, kind, label=None, **how):
    with h5py.File(OUT / name, "w") as file:
        file.create_dataset("image", data=data, **how)
        if label is not None:
            file.create_dataset("label", data=label, **how)
    with h5py.File(OUT / name) as file:
        values = file["image"][...]
    describe(name, kind, values.reshape((1,) * (4 - values.ndim) + values.shape).astype(float if kind == "f64" else values.dtype), False)


def make_hdf5():
    for kind, order in itertools.product(TYPES, "<>"):
        data = draw(kind)
        put_hdf5(f"{kind}-{'le' if order == '<' else 'be'}.h5", data.astype(data.dtype.newbyteorder(order)), TYPES[kind][0])
    label = (draw("u1") > 128).astype("u1")
    put_hdf5("la.h5", draw("f4"), "f32", label, compression="gzip")
    put_hdf5("shuffled.h5", draw("i4"), "i32", chunks=(1, 2, 3), shuffle=True, compression="gzip", fletcher32=True)
    put_hdf5("half.h5", draw("f4").astype("f2"), "f32")
    put_hdf5("bool.h5", draw("u1") > 99, "u8")
    put_hdf5("flat.h5", draw("u2", (3, 4)), "u16")
    (OUT / "la-label.txt").write_text(" ".join(map(str, label.ravel())) + "\n")


# ---- bad ones


def bad_nrrd():
    data = draw("u1")
    good, raw = nrrd(data).encode() + b"\n\n", data.tobytes()

    def change(name, old, new, tail=raw):
        changed = good.replace(old.encode(), new.encode())
        assert changed != good, name
        save(f"bad/{name}.nrrd", changed + tail)

    change("type", "type: uchar", "type: block")
    change("type-none", "type: uchar\n", "")
    change("dimension", "dimension: 3", "dimension: 17")
    change("sizes-few", "sizes: 4 3 2", "sizes: 4 3")
    change("sizes-zero", "sizes: 4 3 2", "sizes: 4 0 2")
    change("sizes-text", "sizes: 4 3 2", "sizes: 4 x 2")
    change("sizes-lie", "sizes: 4 3 2", "sizes: 400 300 200")
    change("sizes-overflow", "sizes: 4 3 2", "sizes: 9223372036854775807 9223372036854775807 3")
    change("directions-zero", "(0.0,0.0,-3.0)", "(0,0,0)")
    change("directions-nan", "(0.0,0.0,-3.0)", "(0,0,nan)")
    change("directions-open", "(0.0,0.0,-3.0)", "(0,0,-3")
    change("directions-few", " (0.0,0.0,-3.0)", "")
    change("origin-nan", "(1,-2,30)", "(1,nan,30)")
    change("encoding", "encoding: raw", "encoding: bzip2")
    change("encoding-none", "encoding: raw\n", "")
    change("endian", "endian: little", "endian: middle")
    change("skip", "endian: little", "endian: little\nbyte skip: 1")
    change("skip-far", "endian: little", "endian: little\nbyte skip: 9223372036854775807")
    change("lines", "endian: little", "endian: little\nline skip: 9")
    change("line", "endian: little", "endian little")
    change("list", "endian: little", "data file: LIST")
    change("missing", "endian: little", "data file: nowhere.raw")
    change("folder", "endian: little", "data file: ../bad")
    change("space", "space: left-posterior-superior", "space: outer")
    change("space-time", "space: left-posterior-superior", "space: left-posterior-superior-time")
    save("bad/cut.nrrd", good + raw[:-1])
    save("bad/cut-header.nrrd", good[:60])
    save("bad/spacing-zero.nrrd", nrrd(data, place="spacings: 1 0 1").encode() + b"\n\n" + raw)
    save("bad/spacing-negative.nrrd", nrrd(data, place="spacings: 1 -1 1").encode() + b"\n\n" + raw)
    packed = gzip.compress(raw, 9, mtime=0)
    head = nrrd(data, encoding="gzip").encode() + b"\n\n"
    save("bad/cut-gzip.nrrd", head + packed[:-20])
    save("bad/cut-gzip-end.nrrd", head + packed[:-1])
    save("bad/checksum.nrrd", head + packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])
    time = draw("u1", (5, 2, 3, 4))
    save("bad/time.nrrd", nrrd(time, place="spacings: 1 1 1 1").encode() + b"\n\n" + time.tobytes())
    large = np.full(SHAPE, 2**53 + 1, "u8")
    save("bad/large.nrrd", nrrd(large).encode() + b"\n\n" + large.tobytes())


def bad_meta():
    data = draw("u1")
    good, raw = meta(data).encode(), data.tobytes()

    def change(name, old, new, tail=raw):
        changed = good.replace(old.encode(), new.encode())
        assert changed != good, name
        save(f"bad/{name}.mha", changed + tail)

    change("object", "ObjectType = Image", "ObjectType = Tube")
    change("type", "MET_UCHAR", "MET_STRING")
    change("type-none", "ElementType = MET_UCHAR\n", "")
    change("axes", "NDims = 3", "NDims = 11")
    change("axes-few", "NDims = 3", "NDims = 2")
    change("sizes-zero", "DimSize = 4 3 2", "DimSize = 4 0 2")
    change("sizes-lie", "DimSize = 4 3 2", "DimSize = 400 300 200")
    change("sizes-overflow", "DimSize = 4 3 2", "DimSize = 9223372036854775807 9223372036854775807 3")
    change("channels", "ElementType", "ElementNumberOfChannels = 9223372036854775807\nElementType")
    change("spacing-zero", "ElementSpacing = 0.5 0.75 3", "ElementSpacing = 0.5 0 3")
    change("spacing-nan", "ElementSpacing = 0.5 0.75 3", "ElementSpacing = 0.5 nan 3")
    change("matrix", "TransformMatrix = 0.6 0.8 0", "TransformMatrix = 0 0 0")
    change("matrix-few", "0.6 0 0 0 -1", "0.6 0 0 0")
    change("offset", "Offset = 1 -2 30", "Offset = 1 inf 30")
    change("offset-text", "Offset = 1 -2 30", "Offset = 1 here 30")
    change("text", "BinaryData = True", "BinaryData = False")
    change("missing", "= LOCAL", "= nowhere.raw")
    change("list", "= LOCAL", "= LIST")
    change("line", "NDims = 3", "NDims: 3")
    save("bad/cut.mha", good + raw[:-1])
    change("not-packed", "CompressedData = False", "CompressedData = True")
    save("bad/cut-header.mha", good[:60])
    packed = zlib.compress(raw, 9)
    head = meta(data, encoding="zlib").encode()
    save("bad/cut-packed.mha", head + packed[:-8])
    save("bad/checksum.mha", head + packed[:-1] + bytes([packed[-1] ^ 1]))
    time = draw("u1", (5, 2, 3, 4))
    save("bad/time.mha", meta(time, place="").encode() + time.tobytes())


def bad_hdf5():
    def write(name, fill):
        with h5py.File(OUT / "bad" / name, "w") as file:
            fill(file)

    data = draw("f4")
    write("no-image.h5", lambda f: (f.create_dataset("label", data=data), f.create_dataset("scan", data=data)))
    write("nothing.h5", lambda f: None)
    write("group.h5", lambda f: f.create_group("image"))
    write("text.h5", lambda f: f.create_dataset("image", data="hello"))
    write("complex.h5", lambda f: f.create_dataset("image", data=data.astype("c8")))
    write("four-axes.h5", lambda f: f.create_dataset("image", data=draw("u1", (2, 2, 3, 4))))
    write("scalar.h5", lambda f: f.create_dataset("image", data=1.0))
    write("empty.h5", lambda f: f.create_dataset("image", shape=(0, 3, 4), dtype="f4"))
    write("huge.h5", lambda f: f.create_dataset("image", shape=(4000, 4000, 4000), dtype="u1", chunks=(8, 8, 8)))
    write("large.h5", lambda f: f.create_dataset("image", data=np.full(SHAPE, 2**60, "i8")))
    write("soft-link.h5", lambda f: (f.create_dataset("real", data=data), f.__setitem__("image", h5py.SoftLink("/real"))))
    write("external-link.h5", lambda f: f.__setitem__("image", h5py.ExternalLink("../la.h5", "image")))
    write("external.h5", lambda f: f.create_dataset("image", (2, 3, 4), "u1", external=[("../skip.dat", 0, 24)]))

    def virtual(file):
        layout = h5py.VirtualLayout((2, 3, 4), "f4")
        layout[...] = h5py.VirtualSource("../la.h5", "image", (2, 3, 4))
        file.create_virtual_dataset("image", layout)

    write("virtual.h5", virtual)
    good = (OUT / "la.h5").read_bytes()
    save("bad/cut.h5", good[: len(good) // 2])
    save("bad/cut-header.h5", good[:40])


def make():
    OUT.mkdir(parents=True, exist_ok=True)
    for file in [*OUT.glob("*.*"), *OUT.glob("bad/*.*")]:
        file.unlink()
    make_nrrd()
    make_meta()
    make_itk()
    make_hdf5()
    (OUT / "bad").mkdir(exist_ok=True)
    bad_nrrd()
    bad_meta()
    bad_hdf5()
    save("bad/scan.dcm", bytes(128) + b"DICM" + bytes(100))
    (OUT / "expected.txt").write_text("\n".join(expected) + "\n")
    size = sum(f.stat().st_size for f in OUT.rglob("*.*"))
    print(f"{len(expected)} files to read, {len(list(OUT.glob('bad/*')))} bad ones, {size} bytes")


def check(folder):
    """Each NAME.nrrd and NAME.mha of `folder` was read by rmseg from the golden NAME and written again."""
    known = {}
    for line in (OUT / "expected.txt").read_text().splitlines():
        words = line.split()
        shape = tuple(map(int, words[2:6]))
        numbers = np.array(words[7:], float)
        known[words[0]] = words[1], shape, words[6] == "1", numbers[:3], numbers[3:6], numbers[6:15].reshape(3, 3), numbers[15:].reshape(shape)
    count, ras = 0, np.diag([-1.0, -1, 1])
    for path in sorted(pathlib.Path(folder).glob("*.*")):
        kind, shape, placed, spacing, origin, direction, values = known[path.name.rsplit(".", 1)[0]]
        image = sitk.ReadImage(str(path))
        axes = image.GetDimension()
        array = sitk.GetArrayFromImage(image)
        array = np.moveaxis(array, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
        assert np.array_equal(array.reshape(shape).astype(float), values), path
        if placed:
            flat = axes == 2
            found = np.ones(3), np.zeros(3), np.eye(3)
            found[0][:axes], found[1][:axes] = image.GetSpacing(), image.GetOrigin()
            found[2][:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes))
            assert np.allclose(found[0][::-1], spacing, rtol=1e-14, atol=0), (path, found[0], spacing)
            assert np.allclose(ras @ found[1], origin, rtol=1e-14, atol=1e-14), (path, found[1], origin)
            assert np.allclose((ras @ found[2])[:, ::-1], direction, rtol=0, atol=1e-14), (path, found[2], direction)
            assert not flat or path.name.startswith("flat"), path
        count += 1
    print(f"{count} files say to SimpleITK what those say that they were written from")
    assert count > 200


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--check", metavar="FOLDER")
arguments = parser.parse_args()
if arguments.check:
    check(arguments.check)
else:
    make()
