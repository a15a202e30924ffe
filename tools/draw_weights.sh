#!/bin/sh
# Draws docs/images/weights-*.png: how hard each term pulls each voxel, for one truth off the middle of its image.
#
#     tools/draw_weights.sh [RMSEG]        (needs a Python with numpy for the truth's array)
set -eu
cd "$(dirname "$0")/.."
rmseg=${1:-build/src/cli/rmseg}
truth=$(mktemp -d)/truth.npy
python=${PYTHON:-python3}
"$python" - "$truth" <<'END'
import sys
import numpy
y, x = numpy.mgrid[:96, :128]
disc = (y - 40) ** 2 + (x - 50) ** 2 < 17**2
tail = (abs(y - 56) < 5) & (abs(x - 72) < 12)
numpy.save(sys.argv[1], (disc | tail)[None].astype("u1"))
END
draw() { # draw NAME EXPRESSION
    "$rmseg" objective "$2" --target "$truth" --weights "docs/images/weights-$1.png" >/dev/null
}
draw ce "ce"
draw dice "dice"
draw rm "rm(2,0) + rm(0,2)"
draw rm-centroid "rm(2,0; center=centroid) + rm(0,2; center=centroid)"
draw rm-none "rm(2,0; center=none) + rm(0,2; center=none)"
draw tversky "tversky(alpha=0.3, beta=0.7)"
draw jaccard "jaccard"
draw focal "focal"
draw boundary "boundary"
draw boundary-ma "boundary(variant=ma-normalised)"
draw hausdorff "hausdorff"
draw size "size"
draw moment "moment(1,0)"
draw centroid "centroid"
draw spread "spread"
draw inertia "inertia"
draw length "length"
