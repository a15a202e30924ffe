/*
 * run/train_options.h - the options of a training, as rows, and where a training's values come from: what the user
 * gave, else what the run being resumed recorded, else what the layout and the network suggest, else the default of the
 * row.
 */
#ifndef RUN_TRAIN_OPTIONS_H
#define RUN_TRAIN_OPTIONS_H

#include "core/core.h"

/* clang-format off: one option a row */
#define TRAIN_OPTIONS(X)                                                                                               \
    X(str, out, "", 0, 0, "", "", "folder of the run", "runs/first")                                                   \
    X(flag, resume, "no", 0, 0, "", "", "go on where the run in --out stopped, bit for bit", "")                       \
    X(flag, overwrite, "no", 0, 0, "", "", "replace the run in --out", "")                                             \
    X(str, layout, "folder", 0, 0, "", "", "how the data lies on disk (`rmseg layouts`)", "drishti-gs")                \
    X(str, data, "", 0, 0, "", "", "folder of the data", "data/drishti-gs")                                            \
    X(f64, threshold, "128", 0, 65535, "", "", "soft maps: set where the value reaches this", "191")                   \
    X(str, grid, "", 0, 0, "", "voxels", "resample every image to this grid first; none: keep its own", "256,256")     \
    X(str, spacing, "", 0, 0, "", "mm", "resample every image to this spacing first; none: keep its own", "2,2,2")     \
    X(pick, orientation, "canonical", 0, 0, "canonical|file", "",                                                      \
      "axes of volumes: the nearest to superior, anterior, right; or as the file has them", "file")                    \
    X(pick, crop, "volume", 0, 0, "volume|label", "",                                                                  \
      "train and validate on the volume, or cut around its label: knowing the truth", "label")                         \
    X(str, patch, "", 0, 0, "", "voxels", "train on random crops of this size; none: whole images", "128,128")         \
    X(pick, pad, "zero", 0, 0, "zero|none", "", "an image smaller than the patch: add zeros, or fail", "none")         \
    X(pick, normalize, "zscore", 0, 0, "zscore|range|ct|none", "", "scaling of the values, per image and channel",     \
      "range")                                                                                                         \
    X(str, ct_window, "-160,240", 0, 0, "", "HU", "--normalize ct: low and high, which become 0 and 1", "-1000,400")   \
    X(str, clip, "", 0, 0, "", "%", "clip to these percentiles of the image's channel first; none: not", "0.5,99.5")   \
    X(str, augment, "none", 0, 0, "", "", "random changes of the samples, with commas between (`rmseg layouts`)",      \
      "flip-w,rotate(degrees=15)")                                                                                     \
    X(f64, foreground, "0", 0, 1, "", "", "put this share of the crops about a voxel of a class, classes alike",       \
      "0.33")                                                                                                          \
    X(pick, rng, "own", 0, 0, "own|la-reference", "",                                                                  \
      "draws of turn, mirror and crop: rmseg's, or for an ablation those of UA-MT's loader, which repeat every epoch", \
      "la-reference")                                                                                                  \
    X(str, fold, "", 0, 0, "", "", "hold out fold F of N for validation", "0/5")                                       \
    X(f64, val_fraction, "0", 0, 0.9, "", "", "hold out this share of the cases for validation", "0.2")                \
    X(i64, split_seed, "0", 0, INT64_MAX, "", "", "which cases are held out; the same for every --seed", "1")          \
    X(i64, val_every, "200", 1, INT64_MAX, "", "steps", "validate this often, and after the last step", "100")         \
    X(pick, select, "last", 0, 0, "last|best", "",                                                                     \
      "weights to keep: of the last step, or of the best validation Dice", "best")                                     \
    X(i64, patience, "0", 0, INT64_MAX, "", "validations", "stop after so many without a better Dice; 0: never", "10") \
    X(str, net, "unet", 0, 0, "", "", "network (`rmseg nets`)", "vnet")                                                \
    X(i64, width, "32", 1, 4096, "", "channels", "channels of the first level, doubled at each below", "16")           \
    X(i64, depth, "4", 1, 8, "", "levels", "how often the network halves the grid", "3")                               \
    X(str, norm, "batch", 0, 0, "", "", "normalisation: batch, instance, group or none", "none")                       \
    X(str, activation, "relu", 0, 0, "", "", "relu or leaky-relu", "leaky-relu")                                       \
    X(f64, dropout, "0", 0, 0.95, "", "", "probability to drop a channel (docs/networks.md)", "0.5")                   \
    X(flag, exact, "no", 0, 0, "", "", "direct sums in every convolution: slower, other last bits (docs/engine.md)",   \
      "")                                                                                                              \
    X(pick, precision, "f32", 0, 0, "f32|bf16", "",                                                                    \
      "bf16: keep activations for the way back in half the bytes; gradients see them rounded", "bf16")                 \
    X(flag, checkpoint_activations, "no", 0, 0, "", "",                                                                \
      "keep only some activations and make the others again: less memory, slower, the same bits", "")                  \
    X(str, init, "", 0, 0, "", "", "weights to start from (safetensors); none: drawn from the seed", "w.safetensors")  \
    X(str, objective, "softmax: ce + dice", 0, 0, "", "", "what is minimised (`rmseg losses`)",                        \
      "sigmoid: ce + dice + 1*rm(2,0) + 1*rm(0,2)")                                                                    \
    X(i64, iterations, "6000", 0, INT64_MAX, "", "steps", "training steps; 0 writes the initial weights", "2000")      \
    X(i64, batch, "4", 1, 65535, "", "samples", "samples in a step", "2")                                              \
    X(pick, optimizer, "sgd", 0, 0, "sgd|adamw", "", "how the weights move", "adamw")                                  \
    X(f64, lr, "0.01", 0, 1000, "", "", "learning rate", "0.001")                                                      \
    X(pick, schedule, "constant", 0, 0, "constant|step|poly|cosine", "", "course of the learning rate", "poly")        \
    X(i64, warmup, "0", 0, INT64_MAX, "", "steps", "steps over which the learning rate rises from 0", "100")           \
    X(f64, momentum, "0.9", 0, 0.9999, "", "", "momentum of SGD; beta1 of AdamW", "0.99")                              \
    X(f64, beta2, "0.999", 0, 0.999999, "", "", "of AdamW: memory of the gradient's square", "0.99")                   \
    X(f64, weight_decay, "0.0001", 0, 1, "", "",                                                                       \
      "SGD: this times the weight is added to the gradient; AdamW: lr times this of a weight goes", "0.01")            \
    X(f64, clip_norm, "0", 0, 1e30, "", "", "largest norm of the gradient, longer ones are shortened; 0: any", "12")   \
    X(f64, ema, "0", 0, 0.9999999, "", "",                                                                             \
      "validate and keep a moving average of the weights, of which this share stays at a step; 0: none", "0.999")      \
    X(i64, seed, "1", 0, INT64_MAX, "", "", "of the weights, batches, augmentation and dropout", "2")                  \
    X(pick, cache, "ram", 0, 0, "ram|mmap|none", "",                                                                   \
      "keep prepared cases in memory, in files that are mapped into it, or not at all", "mmap")                        \
    X(str, cache_dir, "", 0, 0, "", "", "folder of --cache mmap, for several runs; none: cache/ in the run's",         \
      "/scratch/cache")                                                                                                \
    X(i64, workers, "1", 1, 64, "", "threads", "threads that prepare batches in the background", "2")                  \
    X(i64, threads, "0", 0, RMSEG_MOST_THREADS, "", "threads", "threads that compute; 0: every processor", "8")        \
    X(i64, log_gradients, "100", 0, INT64_MAX, "", "steps",                                                            \
      "log this often what share of the gradient each term has; 0: never", "10")                                       \
    X(i64, save_every, "0", 0, INT64_MAX, "", "steps", "save the state this often; 0: by time alone", "500")           \
    X(f64, save_seconds, "300", 1, 1e9, "", "seconds", "save the state at least this often", "60")                     \
    X(flag, samples, "no", 0, 0, "", "", "write samples.csv too: case and augmentation of every sample of every step", \
      "")
/* clang-format on */

RMSEG_OPTIONS_DECLARE(train_options, TRAIN_OPTIONS)

/* Own options with all that the user gave in `given`. */
rmseg_status rmseg_train_options_copy(rmseg_options **own, const rmseg_options *given);

/* Adds what `layout` and `net` suggest where the user gave nothing; a grid or a patch given keeps both of the layout's
 * out. */
rmseg_status rmseg_train_options_suggest(rmseg_options *own);

/* Takes the value `recorded` of `key` from the run that goes on. An option that the user gave and that decides what is
 * computed must agree: argument, naming it. */
rmseg_status rmseg_train_options_recall(rmseg_options *own, const char *key, const char *recorded);

/* Which training is it? SHA-256 (hex, 64 characters + NUL) over lines: the version, the hash of the data, that of the
 * file --init (empty: none), then `key = value` of every option that decides what is computed, in the rows' order. */
rmseg_status rmseg_train_options_hash(char hex[65], const rmseg_options *own, const char *data_hash,
                                      const char *init_hash);

#endif
