/*
 * run/model.h - a network with all that is needed to use it: weights, head, regions, how an image is prepared.
 *
 * A weights file (safetensors) holds the tensors under PyTorch's names and the rest as metadata, so that the file is
 * sufficient alone:
 *     rmseg.net ...          the network's spec (nn/nn.h)
 *     rmseg.objective        the expression in canonical form; rmseg.head its head
 *     rmseg.classes          label values, 0 .. classes-1
 *     rmseg.regions          "disc=1+2,cup=2"; rmseg.values "1,2": what is written where one is predicted
 *     rmseg.grid             "256,256", or "none": every image on its own grid
 *     rmseg.patch            "128,128" of the training, or "none": whole images
 *     rmseg.normalize        zscore | range | ct | none; rmseg.window "-160,240" of ct
 *     rmseg.spacing          "2,2,2" or "none"; rmseg.orientation canonical | file; rmseg.clip "0.5,99.5" or "none"
 *     rmseg.layout, rmseg.version, rmseg.iteration
 *     rmseg.run              which training it was: a hash of its options and data
 */
#ifndef RUN_MODEL_H
#define RUN_MODEL_H

#include "backend/backend.h"
#include "data/data.h"
#include "loss/loss.h"
#include "nn/nn.h"
#include "run/regions.h"

typedef struct rmseg_model {
    const rmseg_backend *backend;
    rmseg_net *net;
    rmseg_weights *weights;
    rmseg_head head;
    char *objective, *layout;
    int64_t classes;
    rmseg_regions regions;
    rmseg_preparation preparation;
    int64_t patch[3]; /* D,H,W; all 0: whole images */
    char run[65];     /* hash of the training (rmseg_train_options_hash); empty where the file lacks it */
} rmseg_model;

/* Channels of the logits: the classes of a softmax, the regions of a sigmoid or a tanh. */
int64_t rmseg_model_channels(const rmseg_model *model);

/* Reads a weights file for prediction. `run` may be the file or a run's folder. Errors name the file. */
rmseg_status rmseg_model_read(rmseg_model *model, const char *run);

/* Adds the metadata of a weights file, the spec included. */
rmseg_status rmseg_model_describe(rmseg_tensor_file *file, const rmseg_model *model, int64_t iteration);

void rmseg_model_destroy(rmseg_model *model);

/* "256,256" -> {1,256,256}, "64,64,48" -> three, "none" or "" -> all 0. */
rmseg_status rmseg_parse_size(int64_t size[3], int spatial, const char *key, const char *text);

/* {1,256,256} -> "256,256" for 2D; all 0 -> "none". */
void rmseg_size_text(rmseg_text *text, const int64_t size[3], int spatial);

/* A value of the metadata, borrowed from the file; a missing one is an error that names it. */
rmseg_status rmseg_model_need(const char **value, const rmseg_tensor_file *file, const char *key, const char *path);

const char *rmseg_normalize_name(rmseg_normalize normalize);
rmseg_status rmseg_parse_normalize(rmseg_normalize *normalize, const char *name);

#endif
