/*
 * data/data.h - the door of data: a dataset is a list of cases; a loader turns it into batches.
 *
 *     files -> case (image F32, label I32) -> prepared (resampled, normalised; cached) -> sample (moved, cropped) ->
 * batch
 *
 * Which cases are in batch t, and how each is augmented, depends on (seed, t) alone: a resumed training sees the same
 * batches.
 */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include "core/core.h"
#include "image/image.h"
#include "rmseg/data.h"
#include "rmseg/frame.h"

/* "800 x 685 pixels" (W x H), or "112 x 112 x 80 voxels" (W x H x D), in `text`. */
const char *rmseg_extent_words(char text[80], const int64_t size[3]);

/* As options write it: "80,64" (H,W) in 2D, "112,112,80" (D,H,W) in 3D, in `text`. */
const char *rmseg_extent_text(char text[64], const int64_t size[3], int spatial);

/* ---- dataset ---------------------------------------------------------------------------------------------------- */

typedef struct rmseg_case {
    char *id;           /* "drishtiGS_001" */
    rmseg_names images; /* files whose channels are stacked */
    rmseg_names labels; /* files that make the label; empty where the truth is not there (prediction) */
    char *lacks;        /* where there are none: what is missing, and where it was looked for */
} rmseg_case;

/* A region is a set of label values with a name: a channel of a sigmoid head, a row of an evaluation. */
typedef struct rmseg_region {
    char *name;
    int32_t *labels; /* disc: {1, 2}; cup: {2} */
    int64_t count;
    int32_t value; /* what is written where this region is predicted: its smallest label that no later region holds */
} rmseg_region;

bool rmseg_region_has(const rmseg_region *region, int32_t label);

typedef struct rmseg_dataset {
    char *layout, *root, *split;
    rmseg_case *cases;
    int64_t count;
    int64_t classes; /* label values 0 .. classes-1 */
    rmseg_region *regions;
    int64_t region_count;
    int spatial;          /* 2 or 3 */
    int64_t model_case;   /* the case whose image the others are compared with: the first that can be read */
    int64_t channels;     /* of an image */
    int64_t named;        /* channels that the dataset's description names; 0: it has none */
    double threshold;     /* soft maps: set where value >= threshold */
    bool mask_255;        /* the labels are masks of 0 and 255: 255 is read as class 1 */
    _Atomic bool *warned; /* per case: its odd soft map was told of, so that it is told of once */
} rmseg_dataset;

/* split: "train", "test" or "all". Cases come in byte order of their ids. Errors name the folder and the tree that was
 * expected; a case with a missing mask is named. `labels` false: cases without truth are fine, and layout `folder` then
 * counts no classes (0). */
rmseg_status rmseg_dataset_open(rmseg_dataset **dataset, const char *layout, const char *root, const char *split,
                                double threshold, bool labels);
void rmseg_dataset_destroy(rmseg_dataset *dataset);

/* Image as F32 and label as I32 on the image's own grid. label may be NULL. Checks that extents agree and that label
 * values are known; soft maps with other values than 0, 64, 128, 191, 255 bring one warning with the count. */
rmseg_status rmseg_case_read(rmseg_image **image, rmseg_image **label, const rmseg_dataset *dataset, int64_t index);

/* A file of values as F32. Errors: those of reading, and format (a value is NaN or infinite). */
rmseg_status rmseg_values_read(rmseg_image **image, const char *path);

/* A file of class numbers as one channel of I32: whole numbers 0 .. 65535, in any type of file (of an HDF5 its dataset
 * `label`); channels that are all equal count as one. The sentence of a failure names the file and what is wrong with it. */
rmseg_status rmseg_label_read(rmseg_image **label, const char *path);

/* True when the name ends as an image file does (rmseg_image_formats): what else lies in a folder is passed over. */
bool rmseg_is_image_name(const char *name);

/* Which data was this? SHA-256 (hex, 64 characters + NUL) over, for each case in order, its id and a NUL, then for each
 * file (images, labels) its base name and a NUL, its length as 8 bytes little-endian, and its content. */
rmseg_status rmseg_dataset_hash(char hex[65], const rmseg_dataset *dataset);

/* SHA-256 of some bytes, in the same form. */
void rmseg_hash(char hex[65], const void *bytes, size_t length);

/* Indices for training and validation: with the permutation `order` of (seed, RMSEG_RANDOM_SPLIT), held[order[i]]
 * (true: validation) where i mod folds == fold. Errors: argument (not 0 <= fold < folds <= count, or folds < 2),
 * memory. */
rmseg_status rmseg_dataset_fold(bool *held, int64_t count, uint64_t seed, int64_t fold, int64_t folds);

/* ---- preparing: the part that predict shares -------------------------------------------------------------------- */

typedef enum rmseg_normalize {
    RMSEG_NORMALIZE_ZSCORE,
    RMSEG_NORMALIZE_NONE,
    RMSEG_NORMALIZE_RANGE,
    RMSEG_NORMALIZE_CT
} rmseg_normalize;

/* In this order. */
typedef struct rmseg_preparation {
    bool canonical;    /* volumes that say how they lie: D to superior, H to anterior, W to the right, the nearest so */
    int64_t grid[3];   /* resample to this D,H,W; all 0: keep */
    double spacing[3]; /* without a grid: resample to this, mm along D,H,W; all 0: keep. Unknown spacings are 1 */
    double clip[2];    /* percentiles of a channel (linear between ranks) to which values are clipped; both 0: not */
    /* Per channel over the resampled image; zscore: population sd; range: [min,max] to [0,1]. A constant channel
     * (its range is at most 1e-6 of its largest magnitude) becomes 0 in both. ct: the window to [0,1], clipped. */
    rmseg_normalize normalize;
    double window[2]; /* of ct: low, high */
    bool crop_label;  /* at last: cut to the truth's box in W and H, with margins (rmseg_case_prepare alone) */
} rmseg_preparation;

/* The extents of what a raw image becomes, the crop aside. */
void rmseg_prepared_size(int64_t size[3], const rmseg_image *raw, const rmseg_preparation *preparation);

/* Puts in order, resamples (antialiased linear; labels nearest), clips and normalises. *label is untouched when NULL is
 * given. The outputs are new images. */
rmseg_status rmseg_prepare(rmseg_image **image, rmseg_image **label, const rmseg_image *raw_image,
                           const rmseg_image *raw_label, const rmseg_preparation *preparation);

/* Are its axes put in order? A single slice stays as it is: for a 2D network its axes are H and W. */
bool rmseg_prepared_turns(const rmseg_image *raw, const rmseg_preparation *preparation);

/* A case read and prepared, cropped to its label where that is asked for: the box of the label in W and H, as the shared
 * form of the left atrium was made (widened to 112 voxels where it is smaller, then by 10 to 19 before and 9 to 18
 * behind, drawn from the stream (0, CROP, hash of the case's name, 0)); D is kept. */
rmseg_status rmseg_case_prepare(rmseg_image **image, rmseg_image **label, const rmseg_dataset *dataset, int64_t index,
                                const rmseg_preparation *preparation);

/* The extents of a prepared case, from its header alone unless it is cropped. */
rmseg_status rmseg_case_extent(int64_t size[3], const rmseg_dataset *dataset, int64_t index,
                               const rmseg_preparation *preparation);

/* ---- preparing what does not fit into memory: large.c ------------------------------------------------------------- */

/* An image in a temporary file (core/store.h), F32. */
typedef struct rmseg_large {
    rmseg_image header; /* data are NULL */
    rmseg_store *store;
} rmseg_large;

/* Reads the files of a case, whose channels are stacked, once from start to end. `folder` is for the temporary file.
 * Errors: as rmseg_case_read; unsupported (a format that is not read in pieces); file (a full disk); cancelled. */
rmseg_status rmseg_large_read(rmseg_large *large, const rmseg_names *files, const char *folder);
void rmseg_large_destroy(rmseg_large *large);

/* A large image as rmseg_prepare would make it, bit for bit; its parts are made when they are asked for. */
typedef struct rmseg_large_prepared rmseg_large_prepared;
rmseg_status rmseg_large_prepare(rmseg_large_prepared **prepared, const rmseg_large *raw,
                                 const rmseg_preparation *preparation, const char *folder);
void rmseg_large_prepared_destroy(rmseg_large_prepared *prepared); /* NULL is legal */
const rmseg_image *rmseg_large_prepared_header(const rmseg_large_prepared *prepared);

/* All channels of a box. */
rmseg_status rmseg_large_prepared_box(float *box, const rmseg_large_prepared *prepared, const int64_t start[3],
                                      const int64_t size[3]);

/* One channel of a box of `from` with its axes put in another order: `size` elements from `start` on of what
 * rmseg_image_reorder would make. */
rmseg_status rmseg_large_turned_box(void *box, rmseg_store *store, rmseg_dtype dtype, int64_t channel,
                                    const int64_t whole[3], const rmseg_axis_order *order, const int64_t start[3],
                                    const int64_t size[3]);

/* Planes of a large image that are worked on at once. */
int64_t rmseg_large_planes(const int64_t size[3], int64_t channels);

/* ---- prepared cases, kept --------------------------------------------------------------------------------------- */

/* Of one channel of a prepared image; population sd. */
typedef struct rmseg_channel_stats {
    double mean, sd;
    float low, high;
} rmseg_channel_stats;

typedef struct rmseg_prepared {
    rmseg_image *image, *label;    /* F32 (C,D,H,W) and I32 (D,H,W) */
    rmseg_channel_stats *channels; /* C of them */
    void *mapping;                 /* the file that holds the voxels, mapped; NULL: they are in memory */
    size_t mapped;                 /* its bytes */
} rmseg_prepared;

/* Where prepared cases stay between two times that they are needed. */
typedef enum rmseg_cache {
    RMSEG_CACHE_NONE, /* nowhere: they are read and prepared again */
    RMSEG_CACHE_RAM,
    RMSEG_CACHE_MMAP /* one file for each in a folder (docs/data.md), mapped while it is in use */
} rmseg_cache;

typedef struct rmseg_shelf rmseg_shelf;

/* A shelf for the cases of a dataset (borrowed). `folder` is that of RMSEG_CACHE_MMAP, made where it is missing; several
 * processes may share it. */
rmseg_status rmseg_shelf_create(rmseg_shelf **shelf, const rmseg_dataset *dataset, const rmseg_preparation *preparation,
                                rmseg_cache cache, const char *folder);
void rmseg_shelf_destroy(rmseg_shelf *shelf); /* when nobody holds a case any more */

/* Case `index`, loaded by the caller unless it is there; if another thread is loading it, waits for that. A failed load
 * is tried again by whoever takes the case next. Any thread. */
rmseg_status rmseg_shelf_take(const rmseg_prepared **prepared, rmseg_shelf *shelf, int64_t index);
void rmseg_shelf_give(rmseg_shelf *shelf, const rmseg_prepared *prepared);

/* ---- loader ----------------------------------------------------------------------------------------------------- */

typedef struct rmseg_loader_settings {
    rmseg_preparation preparation;
    int64_t batch;
    int64_t patch[3]; /* D,H,W; all 0: the whole prepared image (all must be alike) */
    bool pad;         /* zero-pad where the image is smaller than the patch; false: that is an error */
    const char
        *augment; /* "flip-w,rot90,brightness"; "none", "" or NULL: nothing; the names are rmseg_augment_list's */
    uint64_t seed;
    double foreground; /* share of the samples whose crop is put about a voxel of a class above 0; rmseg_loader_fill
                          must have been called before batches are asked for where it is above 0 */
    bool reference; /* turns, mirrors and crops as the reference loader of the left atrium draws them (reference.h) */
    rmseg_cache cache;
    const char *cache_folder; /* of RMSEG_CACHE_MMAP; copied */
    bool whole;               /* frames carry the labels of the whole image */
    int workers;              /* loader threads, at least 1 */
} rmseg_loader_settings;

/* One sample's history: enough to rebuild it elsewhere. Turn, then flip, then crop, where rotation, scale and elastic
 * displacement move what the crop sees about its middle; then the values of what lies in the image, by the formula in
 * docs/data.md, then blur, low resolution and noise; padding stays 0. A voxel here is one edge of the finest axis. */
typedef struct rmseg_sample_record {
    int64_t case_index;         /* in the dataset */
    int flip[3];                /* D,H,W, after the turn: 1 is flipped */
    int turns;                  /* 0..3 quarter turns in a plane: numpy.rot90(k = turns, axes = plane) */
    int pivot;                  /* the axis that stays in a turn: 0, the plane is (H,W); 2, it is (D,H) */
    double gain, offset, gamma; /* contrast, brightness in sd of the image's channel, exponent; 1, 0, 1 where unused */
    int64_t crop[3];            /* start of the patch in the turned and flipped image; below 0 where it is padded */
    double angle[3];            /* degrees about D, H, W, as numpy.rot90's sense; 0 where unused */
    double scale;               /* above 1 things look larger; 1 where unused */
    double elastic[2];          /* root mean square of the displacement along an axis, and distance of the control
                                   points, both in voxels; 0 where unused */
    double blur, lowres, noise; /* Gaussian's sigma in voxels, share of the resolution kept, sd in sd of the image's
                                   channel; 0, 1, 0 where unused */
    int32_t foreground;         /* the class of the voxel that the crop was put about; 0: put anywhere */
    uint64_t seed;              /* of the streams (seed, ELASTIC or NOISE, iteration, sample) */
    uint32_t iteration, sample;
} rmseg_sample_record;

typedef struct rmseg_loaded_batch {
    const float *image;                 /* (N,C,D,H,W) */
    const int32_t *label;               /* (N,D,H,W) */
    const rmseg_frame *frames;          /* N of them, in the axes after turn and flip */
    const rmseg_sample_record *samples; /* N of them */
    int64_t n, channels, size[3];
} rmseg_loaded_batch;

typedef struct rmseg_loader rmseg_loader;

/* `cases` are the indices to draw from, `count` of them, copied; the dataset is borrowed and must be opened with
 * labels. Order: epoch e is the permutation of (seed, ORDER, e); batch t holds positions t*batch .. t*batch+batch-1 of
 * the concatenated epochs. Errors (argument): a patch larger than an image without `pad`, whole images that are not
 * alike, an unknown augmentation (the sentence names the nearest), a turn that would change the batch's shape. */
rmseg_status rmseg_loader_create(rmseg_loader **loader, const rmseg_dataset *dataset, const int64_t *cases,
                                 int64_t count, const rmseg_loader_settings *settings);
void rmseg_loader_destroy(rmseg_loader *loader);

/* Whether samples are resampled off the image's axes (rotate, scale, elastic): their frames say nothing of a place. */
bool rmseg_loader_warps(const rmseg_loader *loader);

/* Reads every case once, in parallel, so that one that cannot be read is known before the work begins; with a cache
 * it is in there then. The sentence is that of the first case that fails. */
rmseg_status rmseg_loader_fill(rmseg_loader *loader);

/* Batch of `iteration` (0 first), borrowed until the next call; the two that follow it are made in the background. Any
 * iteration may be asked for; going up by one is what is fast. A case that cannot be read fails the batch it is in.
 * After the cache is full nothing is allocated. One caller at a time. */
rmseg_status rmseg_loader_next(rmseg_loaded_batch *batch, rmseg_loader *loader, int64_t iteration);

/* The history of a batch without loading it. records: settings.batch of them. */
rmseg_status rmseg_loader_records(rmseg_sample_record *records, const rmseg_loader *loader, int64_t iteration);

#endif
