/*
 * examples/objective.c - the residual-moment loss of a small prediction, value and gradient, in forty lines.
 *
 *     cc -std=c11 objective.c $(pkg-config --cflags --libs rmseg) && ./a.out
 */
#include <rmseg/rmseg.h>

#include <stdio.h>

enum { H = 4, W = 4 };

static int fail(void)
{
    fprintf(stderr, "%s\n", rmseg_error_last());
    return 1;
}

int main(void)
{
    rmseg_objective *objective = NULL;
    if (rmseg_objective_parse(&objective, "sigmoid: ce + dice + 1*rm(2,0) + 1*rm(0,2)") != RMSEG_OK) return fail();

    float logits[H * W], truth[H * W], gradient[H * W];
    for (int i = 0; i < H * W; i++) {
        truth[i] = i / W >= 1 && i / W <= 2 && i % W >= 1 && i % W <= 2;
        logits[i] = truth[i] > 0 ? 2.0f : -2.0f;
    }
    logits[0] = 2.0f; /* a false positive in the corner, far from the centre */

    const rmseg_batch batch = {
        .n = 1, .k = 1, .size = {1, H, W}, .spatial = 2, .logits = logits, .map = truth, .ignore = -1};
    double total, terms[8];
    if (rmseg_objective_evaluate(&total, terms, gradient, objective, &batch) != RMSEG_OK) return fail();

    for (int64_t i = 0; i < rmseg_objective_terms(objective); i++)
        printf("%-10s %.6f\n", rmseg_objective_term_name(objective, i), terms[i]);
    printf("%-10s %.6f\ngradient at the false positive %.6f, at the background beside it %.6f\n", "total", total,
           gradient[0], gradient[1]);
    rmseg_objective_destroy(objective);
    return 0;
}
