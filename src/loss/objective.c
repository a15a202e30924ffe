/*
 * objective.c - what a parsed objective says of itself: head, terms, names, canonical text.
 */
#include "loss/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const heads[] = {"softmax", "sigmoid", "none", "tanh"};
#define HEADS ((int64_t)(sizeof heads / sizeof *heads))

const char *rmseg_head_name(rmseg_head head) { return (unsigned)head < HEADS ? heads[head] : "?"; }

rmseg_status rmseg_head_parse(rmseg_head *head, const char *name)
{
    for (int64_t i = 0; i < HEADS; i++)
        if (!strcmp(heads[i], name)) {
            *head = (rmseg_head)i;
            return RMSEG_OK;
        }
    const char *near = rmseg_nearest(name, heads, HEADS);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "there is no head '%.60s'; expected softmax, sigmoid, tanh or none%s%s%s",
                      name, near ? " (nearest: " : "", near ? near : "", near ? ")" : "");
}

rmseg_status rmseg_objective_grow(rmseg_objective *objective)
{
    if (objective->terms == objective->capacity) {
        int64_t capacity = objective->capacity ? 2 * objective->capacity : 8;
        rmseg_loss_term *grown = rmseg_realloc(objective->term, capacity, sizeof *grown);
        if (!grown) return RMSEG_ERROR_MEMORY;
        objective->term = grown;
        objective->capacity = capacity;
    }
    objective->term[objective->terms] = (rmseg_loss_term){0};
    return RMSEG_OK;
}

void rmseg_objective_destroy(rmseg_objective *objective)
{
    if (!objective) return;
    for (int64_t i = 0; i < objective->terms; i++) {
        rmseg_options_destroy(objective->term[i].options);
        rmseg_free(objective->term[i].more);
        rmseg_free(objective->term[i].name);
    }
    rmseg_free(objective->term);
    rmseg_coefficients_free(&objective->coefficients);
    rmseg_free(objective->start);
    rmseg_free(objective->text);
    rmseg_free(objective);
}

const char *rmseg_loss_option_name(char *buffer, const char *key)
{
    snprintf(buffer, RMSEG_LOSS_NAME, "%s", key);
    for (char *c = buffer; *c; c++)
        if (*c == '-') *c = '_';
    return buffer;
}

/* "rm(2,0; reduction=sum)": the term with the options the user gave, or with all that have a value. */
static void write_term(rmseg_text *text, const rmseg_loss_term *term, bool all)
{
    const char *before = "(";
    rmseg_text_add(text, term->row->info.name);
    for (int64_t i = 0; i < term->orders; i++) {
        rmseg_text_addf(text, "%s%lld", before, (long long)term->order[i]);
        before = ",";
    }
    for (int64_t i = 0; i < term->mores * term->orders; i++)
        rmseg_text_addf(text, "%s%lld",
                        i % term->orders    ? ","
                        : term->row->summed ? " | "
                                            : " / ",
                        (long long)term->more[i / term->orders][i % term->orders]);
    if (term->orders) before = "; ";
    for (int64_t i = 0; i < rmseg_options_count(term->options); i++) {
        char name[RMSEG_LOSS_NAME];
        rmseg_option_info info;
        if (rmseg_options_info(&info, term->options, i) != RMSEG_OK) continue;
        const char *value = rmseg_options_get(term->options, info.key);
        if (!*value || (!all && !rmseg_options_given(term->options, info.key))) continue;
        rmseg_text_addf(text, "%s%s=%s", before, rmseg_loss_option_name(name, info.key), value);
        before = ", ";
    }
    if (before[0] != '(') rmseg_text_add(text, ")");
}

/* Two equal names get "#2", "#3" after them. */
static void write_name(rmseg_text *text, const rmseg_objective *objective, int64_t index)
{
    int64_t same = 1;
    write_term(text, objective->term + index, false);
    for (int64_t i = 0; i < index && !text->failed; i++) {
        const char *other = objective->term[i].name;
        size_t length = text->length;
        if (!strncmp(other, text->data, length) && (!other[length] || other[length] == '#')) same++;
    }
    if (same > 1) rmseg_text_addf(text, "#%lld", (long long)same);
}

static void write_objective(rmseg_text *text, const rmseg_objective *objective)
{
    rmseg_text_addf(text, "%s: ", rmseg_head_name(objective->head));
    for (int64_t i = 0; i < objective->terms; i++) {
        char number[32];
        const rmseg_coefficient *weight = objective->coefficients.node + objective->term[i].coefficient;
        bool number_alone = weight->kind == RMSEG_COEFFICIENT_NUMBER,
             minus = i > 0 && number_alone && weight->value < 0;
        if (i > 0) rmseg_text_add(text, minus ? " - " : " + ");
        if (number_alone)
            rmseg_text_add(text, rmseg_number_text(number, minus ? -weight->value : weight->value));
        else
            rmseg_coefficient_write(text, &objective->coefficients, objective->term[i].coefficient);
        rmseg_text_add(text, "*");
        write_term(text, objective->term + i, true);
    }
    rmseg_coefficients_write_definitions(text, &objective->coefficients);
}

/* Hands a finished text over as a string. */
static rmseg_status keep(char **string, rmseg_text *text)
{
    *string = text->failed ? NULL : rmseg_strdup(text->data);
    rmseg_text_destroy(text);
    return *string ? RMSEG_OK : rmseg_fail_memory();
}

/* Values before the first step. */
static rmseg_status weigh(rmseg_objective *objective)
{
    const rmseg_coefficients *all = &objective->coefficients;
    double *shares = rmseg_alloc(all->shares, sizeof *shares);
    objective->start = rmseg_alloc(all->count, sizeof *objective->start);
    for (int64_t i = 0; shares && i < all->shares; i++) shares[i] = 1;
    if (shares && objective->start) rmseg_coefficients_evaluate(objective->start, all, 0, shares);
    rmseg_status status = shares && objective->start ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    rmseg_free(shares);
    for (int64_t i = 0; i < objective->terms && !status; i++)
        if (!isfinite(objective->start[objective->term[i].coefficient]))
            status = rmseg_fail(RMSEG_ERROR_ARGUMENT, "objective: the weight of %s is beyond the range of numbers",
                                objective->term[i].name);
    return status;
}

rmseg_status rmseg_objective_describe(rmseg_objective *objective)
{
    for (int64_t i = 0; i < objective->terms; i++) {
        rmseg_text name = {0};
        write_name(&name, objective, i);
        RMSEG_TRY(keep(&objective->term[i].name, &name));
    }
    RMSEG_TRY(weigh(objective));
    rmseg_text text = {0};
    write_objective(&text, objective);
    return keep(&objective->text, &text);
}

rmseg_head rmseg_objective_head(const rmseg_objective *objective) { return objective->head; }

int64_t rmseg_objective_terms(const rmseg_objective *objective) { return objective->terms; }

const char *rmseg_objective_term_name(const rmseg_objective *objective, int64_t index)
{
    return index >= 0 && index < objective->terms ? objective->term[index].name : NULL;
}

double rmseg_objective_term_weight(const rmseg_objective *objective, int64_t index)
{
    return index >= 0 && index < objective->terms ? objective->start[objective->term[index].coefficient] : 0;
}

bool rmseg_objective_term_varies(const rmseg_objective *objective, int64_t index)
{
    return index >= 0 && index < objective->terms &&
           !rmseg_coefficient_constant(&objective->coefficients, objective->term[index].coefficient);
}

static bool any_term_has(const rmseg_objective *objective, const char *key, const char *wanted)
{
    for (int64_t i = 0; i < objective->terms; i++) {
        const char *value = rmseg_options_get(objective->term[i].options, key);
        if (value && !strcmp(value, wanted)) return true;
    }
    return false;
}

bool rmseg_objective_wants_place(const rmseg_objective *objective)
{
    return any_term_has(objective, "frame", "volume");
}

bool rmseg_objective_wants_whole(const rmseg_objective *objective) { return any_term_has(objective, "maps", "image"); }

const char *rmseg_objective_text(const rmseg_objective *objective) { return objective->text; }
