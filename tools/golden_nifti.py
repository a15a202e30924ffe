"""Writes tests/golden/image/nifti/: small NIfTI files of every kind with what nibabel reads from them, and bad ones.

    python tools/golden_nifti.py                    (needs numpy, nibabel, SimpleITK)
    python tools/golden_nifti.py --check FOLDER     compares what test_image_nifti wrote (build/tests/.../nifti-written) with the
                                                    files it was written from: values, affine, both forms and their codes

expected.txt    FILE TYPE D H W, spacing of D, H, W, origin x, y, z, direction row by row, then D*H*W values. Affines and values
                are nibabel's; units other than mm are converted here, since nibabel leaves them to its callers
bad/            files that must be refused; tests/unit/test_image_nifti.c has their sentences
"""
import argparse
import gzip
import io
import itertools
import pathlib
import struct

import nibabel as nib
import numpy as np
import SimpleITK as sitk

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "image" / "nifti"
SHAPE = (4, 3, 2)  # i, j, k
rng = np.random.default_rng(11)
expected = []

TYPES = {  # NumPy's type: rmseg's, as stored and scaled
    "u1": ("u8", "f32"), "i1": ("i16", "f32"), "i2": ("i16", "f32"), "u2": ("u16", "f32"), "i4": ("i32", "f64"),
    "u4": ("f64", "f64"), "i8": ("f64", "f64"), "u8": ("f64", "f64"), "f4": ("f32", "f32"), "f8": ("f64", "f64"),
}  # fmt: skip
SLANTED = np.array([[0.6, -0.8 * 1.5, 0, -12.5], [0.8, 0.6 * 1.5, 0, 7.25], [0, 0, 2.5, 100], [0, 0, 0, 1]])


def save(name, data):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def pack(data):
    return gzip.compress(data, 9, mtime=0)


def expect(name, kind, unit=1.0, like=None):
    """What nibabel says of a file, or of the single file whose bytes are `like`, in millimetres."""
    image = nib.Nifti1Image.from_bytes(like) if like else nib.load(OUT / name)
    values = np.asarray(image.dataobj)
    affine = np.array(image.affine, dtype=float)
    affine[:3] *= unit
    size = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    direction = affine[:3, :3] / size
    shape = (tuple(values.shape) + (1, 1))[:3]
    numbers = [*size[::-1], *affine[:3, 3], *direction[:, ::-1].ravel()]
    text = [name, kind, *shape[::-1], *(repr(float(n)) for n in numbers)]
    expected.append(" ".join(map(str, text + [repr(v.item()) for v in values.ravel(order="F")])))


def draw(kind, shape=SHAPE):
    if kind[0] == "f":
        return rng.normal(size=shape).astype(kind)
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    if kind[1] == "8":
        least, most = max(least, -(2**53)), min(most, 2**53)
    data = rng.integers(least, most, shape, dtype=kind, endpoint=True)
    data.flat[:2] = least, most
    return data


def header(version=1, order="<"):
    return (nib.Nifti1Header if version == 1 else nib.Nifti2Header)(endianness=order)


def build(data, affine=SLANTED, version=1, order="<", change=None, extension=None):
    """The bytes of a single file: sform and qform of `affine` unless it is None; `change(header)` comes last."""
    head = header(version, order)
    head.set_data_dtype(data.dtype)
    head.set_data_shape(data.shape)
    head.set_xyzt_units("mm")
    if affine is not None:
        head.set_sform(affine, 1)
        head.set_qform(affine, 1)
    start = 352 if version == 1 else 544
    tail = b"\0\0\0\0"
    if extension:
        tail = b"\1\0\0\0" + struct.pack(order + "ii", len(extension) + 8, 6) + extension
    head["vox_offset"] = start - 4 + len(tail)
    head["scl_slope"], head["scl_inter"] = 1, 0
    if change:
        change(head)
    return head.binaryblock + tail + data.astype(data.dtype.newbyteorder(order)).tobytes(order="F")


def put(name, data, unit=1.0, scaled=False, **how):
    raw = build(data, **how)
    save(name, pack(raw) if name.endswith(".gz") else raw)
    expect(name, TYPES[data.dtype.str[1:]][scaled], unit)


def put_pair(stem, data, header_ending, image_ending, order="<"):
    head = nib.nifti1.Nifti1PairHeader(endianness=order)
    head.set_data_dtype(data.dtype)
    head.set_data_shape(data.shape)
    head.set_sform(SLANTED, 2)
    head["vox_offset"], head["scl_slope"] = 16, 1
    parts = head.binaryblock, bytes(16) + data.astype(data.dtype.newbyteorder(order)).tobytes(order="F")
    for ending, raw in zip((header_ending, image_ending), parts):
        save(stem + ending, pack(raw) if ending.endswith(".gz") else raw)
    like = build(data, change=lambda head: (head.set_qform(None), head.set_sform(SLANTED, 2)))
    expect(stem + header_ending, TYPES[data.dtype.str[1:]][0], like=like)


def make_types():
    for kind in TYPES:
        for version, order in itertools.product((1, 2), "<>"):
            put(f"{kind}-{version}{'le' if order == '<' else 'be'}.nii", draw(kind), version=version, order=order)
    put("u1.nii.gz", draw("u1"))
    put("f4-be.nii.gz", draw("f4"), order=">", version=2)
    raw = build(draw("i2"))
    save("members.nii.gz", pack(raw[:100]) + pack(raw[100:380]) + pack(raw[380:]))
    expect("members.nii.gz", "i16")
    named = io.BytesIO()
    with gzip.GzipFile("a name.nii", "wb", fileobj=named, mtime=1e9) as file:
        file.write(build(draw("u2")))
    save("named.nii.gz", named.getvalue() + bytes(9))  # zeros at the end, as on a tape
    expect("named.nii.gz", "u16")


def make_scaled():
    def scale(slope, intercept):
        def change(head):
            head["scl_slope"], head["scl_inter"] = slope, intercept

        return change

    for kind in TYPES:
        put(f"scaled-{kind}.nii", draw(kind), scaled=True, change=scale(0.25, -3))
    put("scaled-ct.nii.gz", draw("i2"), scaled=True, change=scale(1, -1024))
    put("scaled-zero.nii", draw("u1"), change=scale(0, 5))
    put("scaled-nan.nii", draw("i2"), change=scale(np.nan, np.nan))
    put("scaled-one.nii", draw("i4"), change=scale(1, 0))


def make_geometry():
    def forms(**fields):
        def change(head):
            for name, value in fields.items():
                head[name] = value

        return change

    other = np.array([[0, 0, 3, 1], [-2, 0, 0, 2], [0, 1.25, 0, 3], [0, 0, 0, 1.0]])
    sheared = np.array([[1, 0.25, 0, 5], [0, 1.5, -0.5, 6], [0.125, 0, 2, 7], [0, 0, 0, 1]])

    def both(head):
        head.set_qform(other, 1)
        head.set_sform(SLANTED, 4)

    data = draw("u1")
    put("qform.nii", data, change=forms(sform_code=0))
    put("sform.nii", data, change=forms(qform_code=0))
    put("forms-differ.nii", data, change=both)
    put("forms-none.nii", data, change=forms(sform_code=0, qform_code=0, pixdim=[1, 0.5, 0.75, 3, 0, 0, 0, 0]))
    put("forms-none-2d.nii", draw("u1", (5, 4)), affine=None, change=forms(pixdim=[1, 0.5, 0.75, 9, 0, 0, 0, 0]))
    put("form-code-9.nii", data, change=forms(sform_code=9))
    put("sheared.nii", data, affine=None, change=lambda head: head.set_sform(sheared, 1))
    put("qfac-0.nii", data, change=lambda head: (forms(sform_code=0)(head), forms(pixdim=[0, 1, 1.5, 2.5, 0, 0, 0, 0])(head)))
    put("qfac-minus.nii", data, affine=other, change=forms(sform_code=0))
    put("qform-2.nii", data, version=2, change=forms(sform_code=0))
    put("pixdim-negative.nii", data, change=forms(sform_code=0, pixdim=[1, -1, 1.5, -2.5, 0, 0, 0, 0]))
    half = np.float32(np.sqrt(0.5)) + np.float32(6e-8)  # a little too long by rounding
    put("quaternion-long.nii", data, change=forms(sform_code=0, quatern_b=half, quatern_c=half, quatern_d=0))
    put("metres.nii", data, unit=1e3, change=lambda head: head.set_xyzt_units("meter"))
    put("microns.nii", data, unit=1e-3, change=lambda head: (head.set_xyzt_units("micron", "sec"), forms(sform_code=0)(head)))
    put("units-unknown.nii", data, change=lambda head: head.set_xyzt_units(0))
    for permutation in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for axis in range(3):
                affine[permutation[axis], axis] = signs[axis] * (0.5, 0.75, 3)[axis]
            affine[:3, 3] = -20, 10.5, 4
            name = "axes-" + "".join("LPI"[p] if s < 0 else "RAS"[p] for p, s in zip(permutation, signs))
            assert "".join(nib.aff2axcodes(affine)) == name[5:]
            put(f"{name}.nii", data, affine=affine)


def make_shapes():
    put("one-axis.nii", draw("u1", (7,)), affine=None)
    put("two-axes.nii.gz", draw("i2", (5, 3)))
    put("one-slice.nii", draw("i2", (5, 3, 1)), change=lambda head: head["pixdim"].__setitem__(3, 1))
    put("one-voxel.nii", draw("f4", (1, 1, 1)))
    for axes in (4, 7):
        data = draw("u2")
        save(f"axes{axes}.nii", build(data.reshape(SHAPE + (1,) * (axes - 3))))
        expect(f"axes{axes}.nii", "u16", like=build(data))
    put("extension.nii", draw("u1"), extension=b"a comment of 24 bytes...")
    put("extension-be.nii.gz", draw("u1"), extension=b"a comment of 24 bytes...", order=">", version=2)
    data = draw("u1")  # 0 is where a single file's voxels usually are; nibabel takes it for the first byte of the header
    save("offset-0.nii", build(data, change=lambda head: head.__setitem__("vox_offset", 0)))
    expect("offset-0.nii", "u8", like=build(data))
    put_pair("pair", draw("i2"), ".hdr", ".img")
    put_pair("pair-be", draw("f4"), ".hdr", ".img", ">")
    put_pair("pair-packed", draw("u1"), ".hdr", ".img.gz")
    put_pair("pair-both-packed", draw("u1"), ".hdr.gz", ".img.gz")


def make_itk():
    """Files of another writer; its own reading of them must agree with nibabel's."""
    for kind in ("u1", "i2", "f4", "f8", "u8"):
        image = sitk.GetImageFromArray(draw(kind, SHAPE[::-1]))
        image.SetSpacing((0.5, 0.75, 3))
        image.SetOrigin((1, -2, 30))
        image.SetDirection((0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, -1))
        name = f"itk-{kind}.nii.gz" if kind == "f4" else f"itk-{kind}.nii"
        sitk.WriteImage(image, str(OUT / name))
        expect(name, TYPES[kind][0])
        affine = nib.load(OUT / name).affine
        lps = np.diag([-1, -1, 1.0])
        assert np.allclose(affine[:3, 3], lps @ image.GetOrigin(), atol=1e-5)
        assert np.allclose(affine[:3, :3], lps @ np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing(), atol=1e-5)


def put_channels(data):
    """The fourth axis is the channels: channels.txt has C D H W and the values, by nibabel."""
    save("channels.nii.gz", pack(build(data)))
    values = np.asarray(nib.load(OUT / "channels.nii.gz").dataobj).transpose(3, 2, 1, 0)
    (OUT / "channels.txt").write_text(" ".join(map(str, [*values.shape, *values.ravel()])) + "\n")


def make_bad():
    data = draw("u1")
    good = build(data)

    def bad(name, change=None, raw=None, **how):
        raw = build(how.pop("data", data), change=change, **how) if raw is None else raw
        save("bad/" + name, pack(raw) if name.endswith(".gz") else raw)

    def fields(**values):
        def change(head):
            for name, value in values.items():
                head[name] = value

        return change

    put_channels(draw("u1", SHAPE + (6,)))
    bad("vector.nii.gz", data=draw("u1", SHAPE + (1, 3)))
    for name, code in (("complex64", 32), ("complex128", 1792), ("complex256", 2048), ("float128", 1536), ("rgb", 128),
                       ("rgba", 2304), ("binary", 1), ("no-type", 7777)):  # fmt: skip
        bad(name + ".nii", fields(datatype=code))
    bad("spacing-zero.nii", fields(sform_code=0, pixdim=[1, 1, 0, 1, 0, 0, 0, 0]))
    bad("spacing-nan.nii.gz", fields(sform_code=0, pixdim=[1, 1, 1, np.nan, 0, 0, 0, 0]))
    bad("sform-zero.nii", fields(srow_y=[0, 0, 0, 1], srow_x=[1, 0, 0, 0]))
    bad("sform-nan.nii", fields(srow_y=[np.nan, 0, 0, 1]))
    bad("origin-nan.nii", fields(srow_z=[0, 0, 1, np.nan]))
    bad("quaternion.nii", fields(sform_code=0, quatern_b=1, quatern_c=0.5))
    bad("axes-none.nii", fields(dim=[0, 4, 3, 2, 1, 1, 1, 1]))
    bad("axes-many.nii", fields(dim=[8, 4, 3, 2, 1, 1, 1, 1]))
    bad("extent-zero.nii", fields(dim=[3, 4, 0, 2, 1, 1, 1, 1]))
    bad("extent-negative.nii", fields(dim=[3, 4, 3, -2, 1, 1, 1, 1]))
    bad("huge.nii", fields(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]))
    bad("huge.nii.gz", fields(dim=[3, 30000, 30000, 30000, 1, 1, 1, 1]))
    bad("huge-2.nii", fields(dim=[3, 2**62, 2**62, 2**62, 1, 1, 1, 1]), version=2)
    bad("plausible.nii.gz", fields(dim=[3, 50, 50, 40, 1, 1, 1, 1]))
    bad("offset-small.nii", fields(vox_offset=348))
    bad("offset-nan.nii", fields(vox_offset=np.nan))
    bad("offset-far.nii", fields(vox_offset=1e9))
    bad("offset-far.nii.gz", fields(vox_offset=1000))
    bad("offset-negative.nii", fields(vox_offset=-(2**40)), version=2)
    bad("intercept.nii", fields(scl_slope=2, scl_inter=np.inf))
    bad("too-large.nii", data=np.full(SHAPE, 2**53 + 1, "u8"))
    bad("too-large-i8.nii", data=np.full(SHAPE, -(2**60), "i8"))
    bad("cut.nii", raw=good[:-1])
    bad("cut-header.nii", raw=good[:200])
    bad("analyze.hdr", raw=good[:344] + bytes(4))
    bad("magic.nii", raw=good[:344] + b"n+7\0" + good[348:])
    bad("alone.hdr", raw=good[:344] + b"ni1\0" + good[348:352])
    bad("voxels.img.gz", raw=data.tobytes())
    bad("text.nii.gz", raw=b"hello, I am no image")
    packed = pack(good)
    save("bad/cut.nii.gz", packed[:-20])
    save("bad/cut-end.nii.gz", packed[:-1])
    save("bad/checksum.nii.gz", packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])
    save("bad/bits.nii.gz", packed[:-14] + bytes([packed[-14] ^ 255]) + packed[-13:])


def make():
    OUT.mkdir(parents=True, exist_ok=True)
    for file in [*OUT.glob("*.*"), *OUT.glob("bad/*.*")]:
        file.unlink()
    make_types()
    make_scaled()
    make_geometry()
    make_shapes()
    make_itk()
    make_bad()
    (OUT / "expected.txt").write_text("\n".join(expected) + "\n")
    size = sum(f.stat().st_size for f in OUT.rglob("*.*"))
    print(f"{len(expected)} files to read, {len(list(OUT.glob('bad/*')))} bad ones, {size} bytes")


def check(folder):
    """Each NAME.nii.gz of `folder` was read by rmseg from the golden NAME and written again."""
    count = itk_count = 0
    for path in sorted(pathlib.Path(folder).glob("*.nii.gz")):
        name = path.name.removesuffix(".nii.gz")
        if "packed.hdr" in name or name == "offset-0.nii":
            continue  # which nibabel does not read, or reads differently
        ours, theirs = nib.load(path), nib.load(OUT / name)
        a, b = ours.header, theirs.header
        values, truth = np.asarray(ours.dataobj), np.asarray(theirs.dataobj)
        truth = truth.reshape(truth.shape[:3])
        scaled = theirs.dataobj.slope != 1 or theirs.dataobj.inter != 0
        assert values.shape == truth.shape, name
        assert np.allclose(values, truth, rtol=1e-7, atol=0) if scaled else np.array_equal(values, truth), name
        if not any(b[code] for code in ("sform_code", "qform_code")) and truth.ndim < theirs.ndim:
            continue  # nibabel's affine then depends on the axes
        assert np.array_equal(ours.affine, theirs.affine), (name, ours.affine, theirs.affine)
        for code in ("sform_code", "qform_code"):
            assert a[code] == b[code], (name, code)
        assert np.array_equal(a.get_sform(), b.get_sform()), name
        assert not a["qform_code"] or np.array_equal(a.get_qform(), b.get_qform()), name
        assert a["xyzt_units"] == b["xyzt_units"], name
        if a["sizeof_hdr"] == 348 and values.ndim == 3 and a["xyzt_units"] == 2:  # what SimpleITK takes alike
            both = all(a[code] for code in ("sform_code", "qform_code"))
            if both and np.allclose(a.get_sform(), a.get_qform(), atol=1e-5):
                itk = sitk.ReadImage(str(path))
                affine = np.reshape(itk.GetDirection(), (3, 3)) * itk.GetSpacing()
                assert np.allclose(np.diag([-1, -1, 1]) @ affine, ours.affine[:3, :3], atol=1e-5), name
                assert np.allclose(np.diag([-1, -1, 1]) @ itk.GetOrigin(), ours.affine[:3, 3], atol=1e-4), name
                assert np.array_equal(sitk.GetArrayFromImage(itk).T, values), name
                itk_count += 1
        count += 1
    print(f"{count} files say the same as those they were written from, {itk_count} to SimpleITK too")
    assert count > 120 and itk_count > 60


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--check", metavar="FOLDER")
arguments = parser.parse_args()
if arguments.check:
    check(arguments.check)
else:
    make()
