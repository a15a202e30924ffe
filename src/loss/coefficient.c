/*
 * coefficient.c - weights as nodes of one array: made, evaluated, written.
 */
#include "loss/coefficient.h"

#include <math.h>
#include <string.h>

#define DEEPEST 128 /* levels of a weight; they are written by recursion */

/* ---- making -------------------------------------------------------------------------------------------------- */

static rmseg_status add(int64_t *index, rmseg_coefficients *all, const rmseg_coefficient *node)
{
    if (node->depth > DEEPEST)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the weight is nested more than %d deep", DEEPEST);
    if (all->count == all->capacity) {
        int64_t capacity = all->capacity ? 2 * all->capacity : 16;
        rmseg_coefficient *grown = rmseg_realloc(all->node, capacity, sizeof *grown);
        if (!grown) return RMSEG_ERROR_MEMORY;
        all->node = grown;
        all->capacity = capacity;
    }
    all->node[all->count] = *node;
    *index = all->count++;
    return RMSEG_OK;
}

rmseg_status rmseg_coefficient_number(int64_t *node, rmseg_coefficients *all, double value)
{
    return add(node, all, &(rmseg_coefficient){.kind = RMSEG_COEFFICIENT_NUMBER, .value = value, .share = -1});
}

rmseg_status rmseg_coefficient_schedule(int64_t *node, rmseg_coefficients *all, rmseg_schedule *schedule)
{
    bool share = schedule->shape == RMSEG_SCHEDULE_SHARE;
    rmseg_coefficient fresh = {
        .kind = RMSEG_COEFFICIENT_SCHEDULE, .schedule = *schedule, .share = share ? all->shares : -1};
    rmseg_status status = add(node, all, &fresh);
    if (status)
        rmseg_schedule_free(schedule);
    else
        all->shares += share;
    *schedule = (rmseg_schedule){0};
    return status;
}

static double calculate(rmseg_coefficient_kind kind, double left, double right)
{
    switch (kind) {
    case RMSEG_COEFFICIENT_NEGATIVE: return -left;
    case RMSEG_COEFFICIENT_SUM: return left + right;
    case RMSEG_COEFFICIENT_DIFFERENCE: return left - right;
    default: return left * right;
    }
}

static bool is_number(const rmseg_coefficients *all, int64_t node, double value)
{
    return rmseg_coefficient_constant(all, node) && all->node[node].value == value;
}

static rmseg_status check_share(int64_t *share, rmseg_coefficient_kind kind, int64_t left, int64_t right)
{
    *share = left >= 0 ? left : right;
    if (*share < 0 || kind == RMSEG_COEFFICIENT_NEGATIVE) return RMSEG_OK;
    if (kind == RMSEG_COEFFICIENT_PRODUCT && (left < 0 || right < 0)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "a share can only be a factor of terms and numbers, as in "
                                            "share(10%%)*rm(2,0), not a part of a sum or of another share");
}

rmseg_status rmseg_coefficient_combine(int64_t *node, rmseg_coefficients *all, rmseg_coefficient_kind kind,
                                       int64_t left, int64_t right)
{
    const rmseg_coefficient *a = all->node + left, *b = all->node + right;
    bool product = kind == RMSEG_COEFFICIENT_PRODUCT;
    if (kind == RMSEG_COEFFICIENT_NEGATIVE && a->kind == RMSEG_COEFFICIENT_NEGATIVE) {
        *node = a->left;
        return RMSEG_OK;
    }
    if (product && (is_number(all, left, 1) || is_number(all, right, 1))) {
        *node = is_number(all, left, 1) ? right : left;
        return RMSEG_OK;
    }
    rmseg_coefficient fresh = {.kind = kind, .left = left, .right = right, .share = -1};
    fresh.depth = 1 + (a->depth > b->depth ? a->depth : b->depth);
    if (rmseg_coefficient_constant(all, left) && rmseg_coefficient_constant(all, right)) {
        double value = calculate(kind, a->value, b->value);
        if (isfinite(value)) return rmseg_coefficient_number(node, all, value);
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "the %s is beyond the range of numbers", product ? "product" : "sum");
    }
    RMSEG_TRY(check_share(&fresh.share, kind, a->share, kind == RMSEG_COEFFICIENT_NEGATIVE ? -1 : b->share));
    return add(node, all, &fresh);
}

rmseg_status rmseg_coefficient_define(rmseg_coefficients *all, const char *name, size_t length, int64_t node)
{
    rmseg_definition *grown = rmseg_realloc(all->definition, all->definitions + 1, sizeof *grown);
    if (!grown) return RMSEG_ERROR_MEMORY;
    all->definition = grown;
    char *copy = rmseg_strndup(name, length);
    if (!copy) return RMSEG_ERROR_MEMORY;
    grown[all->definitions++] = (rmseg_definition){.name = copy, .node = node};
    return RMSEG_OK;
}

int64_t rmseg_coefficient_find(const rmseg_coefficients *all, const char *name, size_t length)
{
    for (int64_t i = 0; i < all->definitions; i++)
        if (strlen(all->definition[i].name) == length && !memcmp(all->definition[i].name, name, length)) return i;
    return -1;
}

rmseg_status rmseg_coefficient_refer(int64_t *node, rmseg_coefficients *all, int64_t definition)
{
    int64_t target = all->definition[definition].node;
    all->definition[definition].used = true;
    return add(
        node, all,
        &(rmseg_coefficient){
            .kind = RMSEG_COEFFICIENT_NAME, .left = target, .right = definition, .share = all->node[target].share});
}

void rmseg_coefficients_free(rmseg_coefficients *all)
{
    for (int64_t i = 0; i < all->count; i++) rmseg_schedule_free(&all->node[i].schedule);
    for (int64_t i = 0; i < all->definitions; i++) rmseg_free(all->definition[i].name);
    rmseg_free(all->node);
    rmseg_free(all->definition);
    *all = (rmseg_coefficients){0};
}

/* ---- evaluating ---------------------------------------------------------------------------------------------- */

bool rmseg_coefficient_constant(const rmseg_coefficients *all, int64_t node)
{
    return all->node[node].kind == RMSEG_COEFFICIENT_NUMBER;
}

void rmseg_coefficients_evaluate(double *values, const rmseg_coefficients *all, double progress, const double *shares)
{
    for (int64_t i = 0; i < all->count; i++) {
        const rmseg_coefficient *node = all->node + i;
        if (node->kind == RMSEG_COEFFICIENT_NUMBER)
            values[i] = node->value;
        else if (node->kind == RMSEG_COEFFICIENT_NAME)
            values[i] = values[node->left];
        else if (node->kind != RMSEG_COEFFICIENT_SCHEDULE)
            values[i] = calculate(node->kind, values[node->left], values[node->right]);
        else
            values[i] = node->share >= 0 ? shares[node->share] : rmseg_schedule_at(&node->schedule, progress);
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void write_number(rmseg_text *text, const char *before, double value)
{
    char number[32];
    rmseg_text_addf(text, "%s%s", before, rmseg_number_text(number, value));
}

static void write_schedule(rmseg_text *text, const rmseg_schedule *s)
{
    rmseg_text_addf(text, "%s(", rmseg_schedule_name(s->shape));
    write_number(text, "", s->value[0]);
    for (int64_t i = 1; s->shape == RMSEG_SCHEDULE_STEP && i < s->count; i++) {
        write_number(text, ", ", s->value[i]);
        write_number(text, " at ", s->at[i]);
    }
    if (s->shape < RMSEG_SCHEDULE_STEP) {
        write_number(text, " -> ", s->value[1]);
        write_number(text, " from ", s->at[0]);
        write_number(text, " by ", s->at[1]);
    }
    rmseg_text_add(text, ")");
}

static bool is_sum(const rmseg_coefficient *node)
{
    return node->kind == RMSEG_COEFFICIENT_SUM || node->kind == RMSEG_COEFFICIENT_DIFFERENCE;
}

static void write_node(rmseg_text *text, const rmseg_coefficients *all, int64_t index);

static void write_operand(rmseg_text *text, const rmseg_coefficients *all, int64_t index, bool brackets)
{
    if (brackets) rmseg_text_add(text, "(");
    write_node(text, all, index);
    if (brackets) rmseg_text_add(text, ")");
}

static void write_node(rmseg_text *text, const rmseg_coefficients *all, int64_t index)
{
    const rmseg_coefficient *node = all->node + index, *left = all->node + node->left, *right = all->node + node->right;
    bool product = node->kind == RMSEG_COEFFICIENT_PRODUCT;
    if (node->kind == RMSEG_COEFFICIENT_NUMBER) {
        write_number(text, "", node->value);
    } else if (node->kind == RMSEG_COEFFICIENT_SCHEDULE) {
        write_schedule(text, &node->schedule);
    } else if (node->kind == RMSEG_COEFFICIENT_NAME) {
        rmseg_text_add(text, all->definition[node->right].name);
    } else if (node->kind == RMSEG_COEFFICIENT_NEGATIVE) {
        rmseg_text_add(text, "-");
        write_operand(text, all, node->left, is_sum(left) || left->kind == RMSEG_COEFFICIENT_PRODUCT);
    } else {
        write_operand(text, all, node->left, product && is_sum(left));
        rmseg_text_add(text, product ? "*" : node->kind == RMSEG_COEFFICIENT_SUM ? " + " : " - ");
        write_operand(text, all, node->right, is_sum(right) || (product && right->kind == RMSEG_COEFFICIENT_PRODUCT));
    }
}

void rmseg_coefficient_write(rmseg_text *text, const rmseg_coefficients *all, int64_t node)
{
    write_operand(text, all, node, is_sum(all->node + node));
}

void rmseg_coefficients_write_definitions(rmseg_text *text, const rmseg_coefficients *all)
{
    for (int64_t i = 0; i < all->definitions; i++) {
        rmseg_text_addf(text, ", %s = ", all->definition[i].name);
        write_node(text, all, all->definition[i].node);
    }
}
