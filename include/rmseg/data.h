/*
 * rmseg/data.h - dataset layouts, augmentations and synthetic data.                      tier: may change before 1.0
 */
#ifndef RMSEG_DATA_H
#define RMSEG_DATA_H

#include "rmseg/core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rmseg_layout_info {
    const char *name, *help;
    const char *tree;     /* the folders and files it expects, drawn as text */
    const char *defaults; /* "grid=512,512 augment=flip-w" : train options it suggests, key=value, space-separated */
    const char *source;   /* where a user asks for the data */
} rmseg_layout_info;
RMSEG_API const rmseg_layout_info *rmseg_layout_list(int64_t index); /* `rmseg layouts`; NULL past the last */

typedef struct rmseg_augment_info {
    const char *name;       /* as in --augment "flip-w,rotate(degrees=15)" */
    const char *help;       /* what it does to a sample */
    const char *draw;       /* which of a sample's draws it uses, and how (docs/data.md) */
    const char *parameters; /* one a line, "name=default  unit  help", as in rotate(degrees=15, p=1); NULL: none */
} rmseg_augment_info;
RMSEG_API const rmseg_augment_info *rmseg_augment_list(int64_t index); /* NULL past the last */

/* Writes `count` synthetic 2D cases (16 to 4096 pixels a side) into `folder` as layout `folder`: images/ID.png (RGB),
 * labels/ID.png (0 background, 1 ring, 2 core) and regions.txt (disc = 1+2, cup = 2); ID is phantom_0000 and on. Each
 * is a textured ground with vessels and a bright disc with a brighter core off its centre, and bright spots far from
 * the disc, so that far false positives can arise. Case i depends only on (seed, i). */
RMSEG_API rmseg_status rmseg_phantoms_write(const char *folder, int64_t count, int64_t first, int64_t size,
                                            uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
