/*
 * data/prepared.h - prepared cases: made from a dataset's files, and kept in files that are mapped into memory.
 *
 * A file is a header of RMSEG_CACHED_HEADER bytes, then the channels' statistics, the image (F32) and the label (I32) as
 * they lie in memory, each from a multiple of RMSEG_CACHED_ALIGN on. It belongs to this byte order and this version of the
 * format: another one is made anew.
 */
#ifndef DATA_PREPARED_H
#define DATA_PREPARED_H

#include "data/data.h"

/* ---- values: prepare.c ------------------------------------------------------------------------------------------- */

void rmseg_channel_stats_of(rmseg_channel_stats *stats, const float *values, int64_t count);

/* The same of values that come piece by piece: all of them once, then all again in the same order. Starts as zeros. */
typedef struct rmseg_channel_sums {
    double sum, squares;
    float low, high;
    int64_t count;
} rmseg_channel_sums;
void rmseg_channel_sums_add(rmseg_channel_sums *sums, const float *values, int64_t count);
void rmseg_channel_sums_square(rmseg_channel_sums *sums, const float *values, int64_t count);
void rmseg_channel_sums_end(rmseg_channel_stats *stats, const rmseg_channel_sums *sums);

/* The ranks (0 first) between which a percentile lies, and where between them. */
typedef struct rmseg_percentile_ranks {
    int64_t below, above;
    double share;
} rmseg_percentile_ranks;
rmseg_percentile_ranks rmseg_percentile_ranks_of(int64_t count, double percent);
float rmseg_percentile_between(const rmseg_percentile_ranks *ranks, double low, double high);

/* What is done to each value of a channel: clipped to low .. high, then normalised. */
typedef struct rmseg_value_map {
    bool clips, constant;
    float low, high, window_low, window_high;
    rmseg_normalize normalize;
    double shift, scale;
} rmseg_value_map;
bool rmseg_value_map_needs_stats(const rmseg_preparation *preparation);
void rmseg_value_map_settle(rmseg_value_map *map, const rmseg_preparation *preparation,
                            const rmseg_channel_stats *stats); /* of the clipped values; all but the clipping */
void rmseg_value_map_clip(const rmseg_value_map *map, float *values, int64_t count);
void rmseg_value_map_apply(const rmseg_value_map *map, float *values, int64_t count);

/* ---- cases: prepared.c -------------------------------------------------------------------------------------------- */

/* Reads and prepares a case. */
rmseg_status rmseg_prepared_make(rmseg_prepared **prepared, const rmseg_dataset *dataset, int64_t index,
                                 const rmseg_preparation *preparation);
void rmseg_prepared_destroy(rmseg_prepared *prepared); /* unmaps it where it is mapped */

/* ---- in files: cached.c ------------------------------------------------------------------------------------------ */

enum { RMSEG_CACHED_HEADER = 4096, RMSEG_CACHED_ALIGN = 4096 };

/* Case `index` from its file in `folder`, which is made, or made anew where it is not of these source files, options and
 * version, or damaged. `check` compares the checksum of its voxels too, which reads them all. Errors: format (a file of
 * that name which is none of ours is left alone), file, those of making it. */
rmseg_status rmseg_cached_take(rmseg_prepared **prepared, const char *folder, const rmseg_dataset *dataset,
                               int64_t index, const rmseg_preparation *preparation, bool check);

/* What a header says. */
typedef struct rmseg_cached_header {
    char key[65]; /* of what the voxels were made from: SHA-256, hex */
    int64_t channels, size[3], axes;
    double spacing[3], origin[3], direction[9];
    bool has_spacing;
    uint64_t checksum;                  /* of everything behind the header */
    int64_t stats, image, label, total; /* where they begin, and the length of the file */
} rmseg_cached_header;

typedef enum rmseg_cached_state { RMSEG_CACHED_GOOD, RMSEG_CACHED_DAMAGED, RMSEG_CACHED_FOREIGN } rmseg_cached_state;

/* Of a file of `total` bytes whose first `length` are here. Header is set where it is good. */
rmseg_cached_state rmseg_cached_parse(rmseg_cached_header *header, const uint8_t *bytes, size_t length, size_t total);

/* The header as bytes: RMSEG_CACHED_HEADER of them. Sets stats, image, label and total, which follow from the extents. */
void rmseg_cached_print(uint8_t *bytes, rmseg_cached_header *header);

#endif
