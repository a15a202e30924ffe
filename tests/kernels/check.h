/*
 * check.h - the parts of check_kernels: cases, how one is run on a backend, what came out.
 *
 * To add an op: a function in families.c that lists its cases, and a row in the table there. Nothing else knows ops.
 */
#ifndef CHECK_H
#define CHECK_H

#include "backend/backend.h"

/* What tensors and parameters are filled with.
 *     integers   in [-2, 2]: sums of products are exact in float, so the result must be equal
 *                (but where Winograd's transforms round)
 *     normal     N(0,1): the result may differ by 4 eps sqrt(terms) times the magnitude of such a sum
 *     hostile    infinities, NaN, zeros of both signs, denormals; for norms a large mean and a constant channel */
typedef enum fill { FILL_INTEGERS, FILL_NORMAL, FILL_HOSTILE } fill;

/* One thing to check: an op, or a convolution and the norm that reads its sums. */
typedef struct check_case {
    rmseg_op_desc op[2];
    int ops;
    bool training;
    fill fill;
    int64_t seed;
    int run_threads; /* set between creating the layers and running them; 0: as they were created */
} check_case;

typedef struct case_list {
    check_case *items;
    int64_t count, capacity;
} case_list;

/* Appends; `op` holds the shapes of its inputs, the outputs follow. `norm`: followed by a batch norm with this
 * activation. */
void case_add(case_list *list, rmseg_op_desc op, fill fill, bool training);
void case_add_with_norm(case_list *list, rmseg_op_desc op, fill fill, rmseg_activation activation);

/* A family is a list of cases, or a check of its own that prints what is wrong. */
typedef struct family {
    const char *name, *what;
    void (*list)(case_list *list);
    bool (*check)(const rmseg_backend *backend);
} family;
extern const family families[];

bool check_layouts(const rmseg_backend *backend);
bool check_bf16(const rmseg_backend *backend);
bool check_optimiser(const rmseg_backend *backend);

/* Of every 3x3(x3) layer of V-Net-16 at 112x112x80 and of U-Net-64 at 512x512 (`small`: of smaller inputs), Winograd's
 * error against sums in double over that of direct sums; prints them, false where one is above 3 (and the error above 1e-6). */
bool check_accuracy(const rmseg_backend *backend, bool small);

/* "conv 2x3x1x5x7 -> 17, kernel 1x3x3, ..." */
const char *case_text(char *buffer, size_t size, const check_case *c);

/* ---- running ----------------------------------------------------------------------------------------------------- */

#define MOST_RESULTS 16

/* One tensor that a run made, dense as PyTorch has it. */
typedef struct result {
    char name[40];
    float *values;
    int64_t count;
    rmseg_shape shape; /* n = 0 for parameters */
    double terms;      /* products summed for one element */
    bool sums;         /* of numbers like N(0,1), so that sqrt(terms) is its magnitude */
} result;

typedef struct results {
    result items[MOST_RESULTS];
    int count;
    bool rounds;     /* some algorithm is not exact for integers: Winograd's */
    char fault[256]; /* what a run did that it must not, or "": wrote around outputs, into inputs, into padding */
    rmseg_status status;
} results;

void run_case(results *r, const rmseg_backend *backend, const check_case *c);
void results_free(results *r);

/* Multiply-adds of a convolution's forward pass, as direct sums; 0 of anything else. */
int64_t case_multiply_adds(const check_case *c);

#endif
