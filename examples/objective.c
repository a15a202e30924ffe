/*
 * examples/objective.c - an objective in C: its value, each term's, and how long the gradient is.
 *
 *     cc -std=c11 objective.c $(pkg-config --cflags --libs rmseg) && ./a.out
 */
#include <rmseg/rmseg.h>

#include <stdio.h>

enum { H = 4, W = 4 };

int main(void)
{
    rmseg_objective *objective = NULL;
    float logits[H * W], truth[H * W], gradient[H * W];
    rmseg_evaluator *evaluator = NULL;
    double total, terms[8];
    for (int i = 0; i < H * W; i++) {
        truth[i] = i / W >= 1 && i / W <= 2 && i % W >= 1 && i % W <= 2;
        logits[i] = truth[i] > 0 || i == 0 ? 2.0f : -2.0f; /* a false positive in the corner */
    }
    const rmseg_batch batch = {
        .n = 1, .k = 1, .size = {1, H, W}, .spatial = 2, .logits = logits, .map = truth, .ignore = -1};
    if (rmseg_objective_parse(&objective, "sigmoid: ce + dice + 1*rm(2,0) + 1*rm(0,2)") ||
        rmseg_evaluator_create(&evaluator, objective, &batch, NULL) ||
        rmseg_evaluator_run(evaluator, &total, terms, gradient, &batch)) {
        fprintf(stderr, "%s\n", rmseg_error_last());
        return 1;
    }
    for (int64_t i = 0; i < rmseg_objective_terms(objective); i++)
        printf("%-8s %.6f\n", rmseg_objective_term_name(objective, i), terms[i]);
    printf("%-8s %.6f\nnorm of the gradient %.6f\n", "total", total, rmseg_evaluator_norm(evaluator, gradient));
    rmseg_evaluator_destroy(evaluator);
    rmseg_objective_destroy(objective);
    return 0;
}
