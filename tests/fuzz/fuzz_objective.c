/*
 * fuzz_objective.c - hostile expressions: parse; what is accepted must read back from its canonical text, and evaluate
 * to finite numbers or a proper refusal.
 *
 * New inputs are made half by libFuzzer and half by putting a word of the table of losses somewhere: names, options,
 * choices.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss/loss.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t length, size_t most) __attribute__((weak));

static void check(bool holds)
{
    if (!holds) abort();
}

/* The canonical text parses, and is its own canonical text. */
static void check_text(const rmseg_objective *o)
{
    rmseg_objective *again;
    check(rmseg_objective_parse(&again, rmseg_objective_text(o)) == RMSEG_OK);
    check(!strcmp(rmseg_objective_text(o), rmseg_objective_text(again)));
    check(rmseg_objective_terms(o) == rmseg_objective_terms(again));
    for (int64_t i = 0; i < rmseg_objective_terms(o); i++) {
        check(rmseg_objective_term_name(o, i) && isfinite(rmseg_objective_term_weight(o, i)));
        check(rmseg_objective_term_weight(o, i) == rmseg_objective_term_weight(again, i));
    }
    rmseg_objective_destroy(again);
}

static void check_value(const rmseg_objective *o, int64_t k, const int64_t size[3], int spatial)
{
    double logits[2 * 3 * 12], gradient[2 * 3 * 12], total;
    int32_t index[2 * 12];
    int64_t voxels = size[0] * size[1] * size[2], elements = 2 * k * voxels;
    for (int64_t i = 0; i < elements; i++) logits[i] = 0.1 + 0.7 * (double)(i * 7 % 11) / 11;
    for (int64_t i = 0; i < 2 * voxels; i++) index[i] = i % 5 == 4 ? 255 : (int32_t)(i % 2);
    rmseg_batch batch = {.n = 2,
                         .k = k,
                         .size = {size[0], size[1], size[2]},
                         .spatial = spatial,
                         .logits = logits,
                         .index = index,
                         .wide = true,
                         .ignore = 255,
                         .progress = 0.25};
    rmseg_status status = rmseg_objective_evaluate(&total, NULL, gradient, o, &batch);
    check(status == RMSEG_OK || status == RMSEG_ERROR_ARGUMENT || status == RMSEG_ERROR_NUMERIC);
    if (status == RMSEG_OK) check(isfinite(total));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *expression = malloc(length + 1);
    rmseg_objective *o;
    memcpy(expression, bytes, length);
    expression[length] = 0;
    if (rmseg_objective_parse(&o, expression) == RMSEG_OK) {
        check_text(o);
        check_value(o, 3, (int64_t[3]){1, 3, 4}, 2);
        check_value(o, 2, (int64_t[3]){2, 2, 3}, 3);
        rmseg_objective_destroy(o);
    } else {
        check(strlen(rmseg_error_last()) > 10);
    }
    free(expression);
    return 0;
}

/* The n-th word of a text, if it has so many; else n is lowered by as many as it has. */
static bool word_of(char word[32], unsigned *n, const char *at)
{
    while (*at) {
        size_t length = 0;
        while (length < 31 && at[length] && (isalnum((unsigned char)at[length]) || strchr("_-.", at[length]))) length++;
        if (length && (*n)-- == 0) {
            snprintf(word, 32, "%.*s", (int)length, at);
            return true;
        }
        at += length ? length : 1;
    }
    return false;
}

/* The n-th word of the tables of losses and schedules, counting round. */
static size_t word_at(char word[32], unsigned n)
{
    for (;;) {
        const rmseg_loss_info *info;
        const rmseg_schedule_info *schedule;
        for (int64_t i = 0; (info = rmseg_loss_list(i)); i++)
            if (word_of(word, &n, info->name) || word_of(word, &n, info->arguments)) return strlen(word);
        for (int64_t i = 0; (schedule = rmseg_schedule_list(i)); i++)
            if (word_of(word, &n, schedule->form)) return strlen(word);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t length, size_t most, unsigned seed)
{
    char word[32];
    if (seed % 2 && LLVMFuzzerMutate) return LLVMFuzzerMutate(bytes, length, most);
    size_t added = word_at(word, seed / 2 % 1000), place = length ? seed / 2000 % length : 0;
    if (length + added > most) return length;
    memmove(bytes + place + added, bytes + place, length - place);
    memcpy(bytes + place, word, added);
    return length + added;
}
