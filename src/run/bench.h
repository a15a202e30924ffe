/*
 * run/bench.h - what the families of `rmseg bench` share: options, rows, the clock, a network to run.
 *
 * A family is a function that measures and adds rows; bench.c has the table of them. A row is told from every other by
 * its family, setting, name and pass; two files are compared by these.
 */
#ifndef RUN_BENCH_H
#define RUN_BENCH_H

#include "backend/backend.h"
#include "core/core.h"
#include "loss/loss.h"
#include "nn/nn.h"

/* clang-format off: one option a row */
#define BENCH_OPTIONS(X)                                                                                               \
    X(pick, net, "vnet", 0, 0, "unet|vnet", "", "network of layers, step and predict", "unet")                         \
    X(i64, width, "16", 1, 1 << 20, "", "channels", "channels of its first level", "64")                               \
    X(i64, depth, "4", 1, 12, "", "", "its halvings of the grid", "3")                                                 \
    X(str, grid, "", 0, 0, "", "voxels", "size of a sample, H,W or D,H,W; else 112,112,80 (vnet) or 256,256 (unet)",   \
      "512,512")                                                                                                       \
    X(i64, batch, "1", 1, 1 << 20, "", "samples", "samples at a time", "4")                                            \
    X(i64, in, "0", 0, 1 << 20, "", "channels", "channels of the image; 0: 1 in 3D, 3 in 2D", "1")                     \
    X(i64, classes, "2", 1, 1 << 20, "", "channels", "channels of the prediction", "3")                                \
    X(pick, norm, "batch", 0, 0, "batch|instance|group|none", "", "normalisation", "instance")                         \
    X(pick, activation, "relu", 0, 0, "relu|leaky-relu", "", "activation", "leaky-relu")                               \
    X(f64, dropout, "0", 0, 0.95, "", "", "probability to drop a channel", "0.5")                                      \
    X(flag, exact, "no", 0, 0, "", "", "convolutions by direct sums alone, as train --exact", "")                      \
    X(pick, precision, "f32", 0, 0, "f32|bf16", "", "of activations that layers and step keep, as train --precision",  \
      "bf16")                                                                                                          \
    X(flag, checkpoint_activations, "no", 0, 0, "", "", "layers and step as train --checkpoint-activations", "")       \
    X(flag, inference, "no", 0, 0, "", "", "layers as prediction plans them, forward only", "")                        \
    X(str, objective, "softmax: ce + dice", 0, 0, "", "", "what step trains with",                                     \
      "softmax: ce + dice + 0.01*rm(2,0,0)")                                                                           \
    X(str, only, "", 0, 0, "", "", "only rows with this text in name, kind, pass or algorithm", "weights")             \
    X(pick, sort, "order", 0, 0, "order|time", "", "rows in the order of the work, or the slowest first", "time")      \
    X(f64, seconds, "2", 0, 86400, "", "seconds", "repeat what is measured for so long, three times at least", "10")   \
    X(i64, rounds, "0", 0, 1000000, "", "times", "repeat it so often instead", "20")                                   \
    X(str, json, "", 0, 0, "", "", "write every row to this file; -: to standard output, in place of the table",       \
      "bench.json")                                                                                                    \
    X(str, compare, "", 0, 0, "", "", "such a file of an earlier run: print new / old of each row", "old.json")        \
    X(f64, threshold, "10", 0, 1e6, "", "percent", "mark rows that are worse by more than this", "5")                  \
    X(flag, fail_worse, "no", 0, 0, "", "", "exit with 1 where a row is marked", "")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(bench_options, BENCH_OPTIONS)

/* ---- rows -------------------------------------------------------------------------------------------------------- */

typedef struct rmseg_bench_row {
    const char *family; /* static */
    char *setting;      /* what it was measured on: "vnet 16, 112x112x80, batch 1"; "" where there is nothing to say */
    char *name;         /* "down0.conv1" */
    char *note;         /* "Winograd 4x4 ...", for the reader */
    const char *pass;   /* static: "forward"; "" */
    const char *unit;   /* static: "ms", "MB": the less the better; "GFLOP/s", "GB/s": the more */
    double value;       /* median of the samples */
    double *samples;    /* [count], in the order they were taken */
    int64_t count;
    double flops, bytes; /* of what a "ms" row did; 0: nothing to say */
    double share;        /* of the time this machine needs at least for them, in `value`; NaN: unknown */
    double part;         /* of the time of the whole; NaN: it is part of nothing */
} rmseg_bench_row;

/* The most this machine does, by loops that do nothing else, on all threads; NaN where there is no such loop. */
typedef struct rmseg_bench_peaks {
    double flops, read, copy, triad; /* a second: floating-point operations, bytes */
} rmseg_bench_peaks;

typedef struct rmseg_bench_run {
    const bench_options *o;
    const rmseg_backend *backend;
    rmseg_bench_peaks peaks;
    const char *family; /* under way */
    char *setting;
    rmseg_bench_row *rows;
    int64_t count, room;
} rmseg_bench_run;

/* Names what follows ("vnet 16, ..."). */
rmseg_status rmseg_bench_setting(rmseg_bench_run *run, const char *format, ...) RMSEG_PRINTF(2, 3);

/* Adds a row of `count` samples in seconds (copied; shown in ms) or in `unit`. One that is not wanted is passed over. */
typedef struct rmseg_bench_measure {
    const char *name, *pass, *note, *kind; /* NULL: "" */
    const char *unit;                      /* NULL: seconds come in, ms are shown */
    const double *samples;
    int64_t count, stride; /* sample i is samples[i * stride]; 0: 1 */
    double flops, bytes;
    double whole; /* seconds of all of which this is a part; 0: of nothing */
} rmseg_bench_measure;
rmseg_status rmseg_bench_add(rmseg_bench_run *run, const rmseg_bench_measure *measure);

/* Of an even number the mean of the two in the middle. NaN where there is no memory to sort them in. */
double rmseg_bench_median(const double *samples, int64_t count, int64_t stride);
/* Whether --only lets a row of this name through, so that nothing is measured in vain. */
bool rmseg_bench_wanted(const rmseg_bench_run *run, const char *name);

void rmseg_bench_rows_destroy(rmseg_bench_row *rows, int64_t count);

/* ---- repeating ----------------------------------------------------------------------------------------------------- */

/* Calls `once` as often as --seconds or --rounds want, after a first time that is not counted (a round's number then is
 * -1). *samples is owned, [*count][width]: `once` fills the row of its round. Ends early with a status of its own, or
 * cancelled. */
typedef rmseg_status (*rmseg_bench_once)(void *context, double *samples, int64_t round);
rmseg_status rmseg_bench_repeat(double **samples, int64_t *count, rmseg_bench_run *run, int64_t width,
                                rmseg_bench_once once, void *context);

/* ---- a network with its batch ---------------------------------------------------------------------------------------- */

typedef struct rmseg_bench_net {
    rmseg_bench_run *run;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_executor *executor;
    float *image, *logits, *dlogits; /* (N,C,D,H,W), (N,K,D,H,W) */
    int64_t size[3], voxels;         /* of a sample */
    int spatial;
    bool training;
} rmseg_bench_net;

/* As the options say, weights drawn, the image uniform in [-1, 1], dlogits small. Also names the setting. */
rmseg_status rmseg_bench_net_create(rmseg_bench_net *net, rmseg_bench_run *run, bool training);
void rmseg_bench_net_destroy(rmseg_bench_net *net);

/* `count` numbers, uniform in [-scale, scale], the same in every run. */
float *rmseg_bench_floats(int64_t count, double scale);

/* The truth of a batch of n samples: ellipsoids one within the other, as an index, or as maps where the objective's head
 * is no softmax. Sets them in the batch. */
typedef struct rmseg_bench_truth {
    int32_t *index;
    float *map;
} rmseg_bench_truth;
rmseg_status rmseg_bench_truth_create(rmseg_bench_truth *truth, rmseg_batch *batch, const rmseg_objective *objective);
void rmseg_bench_truth_destroy(rmseg_bench_truth *truth);

/* ---- the families --------------------------------------------------------------------------------------------------- */

rmseg_status rmseg_bench_machine_peaks(rmseg_bench_run *run, bool rows); /* `rows`: adds them too */
rmseg_status rmseg_bench_kernels(rmseg_bench_run *run);
rmseg_status rmseg_bench_layers(rmseg_bench_run *run);
rmseg_status rmseg_bench_step(rmseg_bench_run *run);
rmseg_status rmseg_bench_predict(rmseg_bench_run *run);
rmseg_status rmseg_bench_loss(rmseg_bench_run *run);
rmseg_status rmseg_bench_metrics(rmseg_bench_run *run);

/* ---- what comes out ---------------------------------------------------------------------------------------------------- */

void rmseg_bench_table(rmseg_text *text, const rmseg_bench_run *run);
void rmseg_bench_head(rmseg_text *text, const rmseg_bench_run *run);
void rmseg_bench_json(rmseg_json *json, const rmseg_bench_run *run);

/* The file of an earlier run. Nothing of it is believed before it is checked; errors name the file, the row and what was
 * expected. */
typedef struct json_t rmseg_bench_old;
rmseg_status rmseg_bench_old_read(rmseg_bench_old **old, const char *path);
rmseg_status rmseg_bench_old_parse(rmseg_bench_old **old, const uint8_t *bytes, size_t length, const char *path);
void rmseg_bench_old_destroy(rmseg_bench_old *old);

/* Adds old, new and new / old of every row that both have; returns how many are worse by more than `threshold` percent:
 * longer, larger, or of a lower rate. */
int64_t rmseg_bench_compare(rmseg_text *text, const rmseg_bench_row *rows, int64_t count, const rmseg_bench_old *old,
                            const char *path, double threshold);

#endif
