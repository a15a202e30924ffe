/*
 * expression.c - parses an objective.
 *
 *     objective = [ head ':' ] sum { ',' name '=' sum }
 *     sum       = product { ('+' | '-') product }
 *     product   = factor { '*' factor }
 *     factor    = '-' factor | number | name | schedule | '(' sum ')' | term         (schedules: parse_schedule.c)
 *     term      = name [ '(' [ orders { ('|' | '/') orders } ] [ ';' ] [ key '=' value { ',' key '=' value } ] ')' ]
 *
 * Every part of an expression is a number or a run of terms. Numbers calculate ("(1 - 0.3)*dice"), a number times terms
 * scales them, terms join; anything else is refused at its operator. A number may hold schedules, and names that are given
 * to numbers behind the sum; those are read first.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "loss/parser.h"

#define DEEPEST       64 /* nested brackets and signs */
#define HIGHEST_ORDER 20 /* beyond it c^(2q) leaves float's range */

static rmseg_status parse_sum(rmseg_parser *p, rmseg_piece *out);

/* ---- terms -------------------------------------------------------------------------------------------------- */

/* Fails with `sentence`, then "did you mean 'dice'?" or, where nothing is near, the whole list. Takes the names over.
 */
static rmseg_status fail_unknown(const char *sentence, const char *word, rmseg_names *names, rmseg_status status)
{
    const char *near = status ? NULL : rmseg_nearest(word, (const char *const *)names->items, names->count);
    rmseg_text text = {0};
    rmseg_text_addf(&text, near ? "%s; did you mean '%s'?" : "%s; there are", sentence, near);
    for (int64_t i = 0; !near && i < names->count; i++) rmseg_text_addf(&text, "%s %s", i ? "," : "", names->items[i]);
    if (!status) status = text.failed ? rmseg_fail_memory() : rmseg_fail(RMSEG_ERROR_ARGUMENT, "%s", text.data);
    rmseg_text_destroy(&text);
    rmseg_names_destroy(names);
    return status;
}

static rmseg_status fail_unknown_term(const rmseg_parser *p, size_t length)
{
    char word[RMSEG_LOSS_NAME], sentence[100];
    rmseg_names names = {0};
    rmseg_status status = RMSEG_OK;
    const rmseg_loss_row *row;
    const char *schedule;
    const rmseg_coefficients *all = &p->objective->coefficients;
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), p->at);
    snprintf(sentence, sizeof sentence, "there is no term '%s'", word);
    rmseg_head head;
    if (rmseg_head_parse(&head, word) == RMSEG_OK)
        return rmseg_fail_at(p, p->at, "%s; a head is followed by ':', as in %s: ce", sentence, word);
    for (int64_t i = 0; !status && (row = rmseg_loss_row_at(i)); i++) status = rmseg_names_add(&names, row->info.name);
    for (int i = 0; !status && (schedule = rmseg_schedule_name(i)); i++) status = rmseg_names_add(&names, schedule);
    for (int64_t i = 0; !status && i < all->definitions; i++) status = rmseg_names_add(&names, all->definition[i].name);
    return rmseg_fail_inside(p, p->at, fail_unknown(sentence, word, &names, status));
}

static rmseg_status fail_unknown_option(const rmseg_loss_term *term, const char *key)
{
    char sentence[120], name[RMSEG_LOSS_NAME];
    rmseg_names names = {0};
    rmseg_status status = RMSEG_OK;
    rmseg_option_info info;
    snprintf(sentence, sizeof sentence, "%s has no option '%.60s'", term->row->info.name, key);
    for (int64_t i = 0; !status && i < rmseg_options_count(term->options); i++) {
        status = rmseg_options_info(&info, term->options, i);
        if (!status) status = rmseg_names_add(&names, rmseg_loss_option_name(name, info.key));
    }
    return fail_unknown(sentence, key, &names, status);
}

static rmseg_status fail_order(const rmseg_parser *p)
{
    if (!rmseg_starts_name(p)) return rmseg_fail_unexpected(p, "an order (a whole number)");
    return rmseg_fail_unexpected(p, "an order (options stand behind a ';', as in rm(2,0; scale=2))");
}

static rmseg_status take_orders(rmseg_parser *p, const rmseg_loss_term *term, int64_t order[3], int64_t *orders)
{
    const char *start = p->at;
    do {
        double value;
        rmseg_skip_space(p);
        const char *here = p->at;
        if (!isdigit((unsigned char)*p->at)) return fail_order(p);
        RMSEG_TRY(rmseg_take_number(p, &value));
        if (value != floor(value) || value > HIGHEST_ORDER)
            return rmseg_fail_at(p, here, "an order is a whole number from 0 to %d", HIGHEST_ORDER);
        if (*orders < 3) order[*orders] = (int64_t)value;
        ++*orders;
    } while (rmseg_take(p, ','));
    if (*orders == 2 || *orders == 3) return RMSEG_OK;
    return rmseg_fail_at(p, start, "%s takes one order per axis, 2 in 2D and 3 in 3D; found %lld", term->row->info.name,
                         (long long)*orders);
}

static char separator_of(const rmseg_loss_term *term) { return term->row->summed ? '|' : '/'; }

/* "2,0", and further ones: "2,0 | 0,2" where the row adds them up, "2,0 / 0,2" where each is for a channel. */
static rmseg_status take_all_orders(rmseg_parser *p, rmseg_loss_term *term)
{
    RMSEG_TRY(take_orders(p, term, term->order, &term->orders));
    while (rmseg_take(p, separator_of(term))) {
        int64_t orders = 0;
        int64_t(*grown)[3] = rmseg_realloc(term->more, term->mores + 1, sizeof *grown);
        if (!grown) return RMSEG_ERROR_MEMORY;
        term->more = grown;
        rmseg_skip_space(p);
        const char *start = p->at;
        RMSEG_TRY(take_orders(p, term, grown[term->mores], &orders));
        term->mores++;
        if (orders != term->orders)
            return rmseg_fail_at(p, start,
                                 "%lld orders stand before, %lld here: one for each axis, as in %s(2,0 %c 0,2)",
                                 (long long)term->orders, (long long)orders, term->row->info.name, separator_of(term));
    }
    return RMSEG_OK;
}

static rmseg_status fail_behind_orders(const rmseg_parser *p, const rmseg_loss_term *term)
{
    const char *name = term->row->info.name;
    if (*p->at == '|' && !term->row->summed)
        return rmseg_fail_at(p, p->at,
                             "%s takes no sum of orders: write %s(2,0) + %s(0,2); orders for one channel "
                             "each stand between '/', as in %s(2,0 / 0,2; channels=1+2)",
                             name, name, name, name);
    if (*p->at == '/' && term->row->summed)
        return rmseg_fail_at(p, p->at,
                             "%s takes no orders for one channel each: write %s(2,0; channels=1) + "
                             "%s(0,2; channels=2); several that are added up stand between '|'",
                             name, name, name);
    return rmseg_fail_unexpected(p, "',' and an order, ';' and options, or ')'");
}

static rmseg_status set_option(rmseg_loss_term *term, const char *key, const char *value)
{
    if (!rmseg_options_get(term->options, key)) return fail_unknown_option(term, key);
    if (rmseg_options_given(term->options, key))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option %s is given twice", key);
    return rmseg_options_set(term->options, key, value);
}

/* key = value, handed to the row's options. */
static rmseg_status take_option(rmseg_parser *p, rmseg_loss_term *term)
{
    rmseg_skip_space(p);
    const char *start = p->at;
    if (!rmseg_starts_name(p)) return rmseg_fail_unexpected(p, "an option (name=value)");
    size_t key_length = rmseg_run_length(p->at, "_-");
    p->at += key_length;
    if (!rmseg_take(p, '=')) return rmseg_fail_unexpected(p, "'=' and the option's value");
    rmseg_skip_space(p);
    size_t value_length = rmseg_run_length(p->at, "_-+.");
    if (!value_length) return rmseg_fail_unexpected(p, "the option's value");

    char *key = rmseg_strndup(start, key_length), *value = rmseg_strndup(p->at, value_length);
    rmseg_status status = key && value ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = set_option(term, key, value);
    rmseg_free(key);
    rmseg_free(value);
    p->at += value_length;
    return rmseg_fail_inside(p, start, status);
}

static rmseg_status take_arguments(rmseg_parser *p, rmseg_loss_term *term)
{
    rmseg_skip_space(p);
    if (rmseg_take(p, ')')) return RMSEG_OK;
    if (term->row->orders && !rmseg_starts_name(p)) {
        RMSEG_TRY(take_all_orders(p, term));
        if (rmseg_take(p, ')')) return RMSEG_OK;
        if (!rmseg_take(p, ';')) return fail_behind_orders(p, term);
        if (rmseg_take(p, ')')) return RMSEG_OK;
    }
    do RMSEG_TRY(take_option(p, term));
    while (rmseg_take(p, ','));
    return rmseg_take(p, ')') ? RMSEG_OK : rmseg_fail_unexpected(p, "',' or ')'");
}

static rmseg_status take_term(rmseg_parser *p)
{
    const char *start = p->at;
    size_t length = rmseg_run_length(p->at, "_");
    const rmseg_loss_row *row = rmseg_loss_row_find(p->at, length);
    if (!row) return fail_unknown_term(p, length);
    RMSEG_TRY(rmseg_objective_grow(p->objective));
    rmseg_loss_term *term = p->objective->term + p->objective->terms;
    RMSEG_TRY(row->create_options(&term->options));
    p->objective->terms++;
    term->row = row;
    RMSEG_TRY(rmseg_coefficient_number(&term->coefficient, &p->objective->coefficients, 1));
    term->column = start - p->text + 1;
    p->at += length;
    if (rmseg_take(p, '(')) RMSEG_TRY(take_arguments(p, term));
    if (row->orders && !term->orders)
        return rmseg_fail_at(p, start, "%s needs its orders, as in %s(2,0) in 2D or %s(2,0,0) in 3D", row->info.name,
                             row->info.name, row->info.name);
    return row->settle ? rmseg_fail_inside(p, start, row->settle(term)) : RMSEG_OK;
}

/* ---- the grammar -------------------------------------------------------------------------------------------- */

static rmseg_status combine(rmseg_parser *p, const char *at, int64_t *node, rmseg_coefficient_kind kind, int64_t left,
                            int64_t right)
{
    return rmseg_fail_inside(p, at, rmseg_coefficient_combine(node, &p->objective->coefficients, kind, left, right));
}

/* Multiplies the terms from `first` on, or changes their sign. */
static rmseg_status scale(rmseg_parser *p, const char *at, int64_t first, rmseg_coefficient_kind kind, int64_t factor)
{
    for (int64_t i = first; i < p->objective->terms; i++) {
        int64_t *weight = &p->objective->term[i].coefficient;
        RMSEG_TRY(combine(p, at, weight, kind, kind == RMSEG_COEFFICIENT_PRODUCT ? factor : *weight, *weight));
    }
    return RMSEG_OK;
}

/* A share() stands for one number however many terms it weighs, so it gets a name. */
static rmseg_status name_share(rmseg_parser *p, int64_t *node)
{
    rmseg_coefficients *all = &p->objective->coefficients;
    char name[32];
    int64_t number = 1;
    do snprintf(name, sizeof name, "share%lld", (long long)number++);
    while (rmseg_coefficient_find(all, name, strlen(name)) >= 0);
    RMSEG_TRY(rmseg_coefficient_define(all, name, strlen(name), *node));
    return rmseg_coefficient_refer(node, all, all->definitions - 1);
}

static rmseg_status take_named(rmseg_parser *p, rmseg_piece *out)
{
    rmseg_coefficients *all = &p->objective->coefficients;
    size_t length = rmseg_run_length(p->at, "_");
    int64_t definition = rmseg_coefficient_find(all, p->at, length);
    if (definition < 0 && !rmseg_starts_schedule(p)) return take_term(p);
    out->number = true;
    if (definition >= 0) {
        p->at += length;
        return rmseg_coefficient_refer(&out->node, all, definition);
    }
    RMSEG_TRY(rmseg_take_schedule(p, &out->node));
    return all->node[out->node].share >= 0 && !p->defining ? name_share(p, &out->node) : RMSEG_OK;
}

static rmseg_status parse_primary(rmseg_parser *p, rmseg_piece *out)
{
    *out = (rmseg_piece){.first = p->objective->terms};
    if (rmseg_take(p, '(')) {
        RMSEG_TRY(parse_sum(p, out));
        return rmseg_take(p, ')') ? RMSEG_OK : rmseg_fail_unexpected(p, "'+', '-', '*' or ')'");
    }
    if (isdigit((unsigned char)*p->at) || *p->at == '.') {
        double value;
        out->number = true;
        RMSEG_TRY(rmseg_take_number(p, &value));
        return rmseg_coefficient_number(&out->node, &p->objective->coefficients, value);
    }
    return rmseg_starts_name(p) ? take_named(p, out) : rmseg_fail_unexpected(p, "a term, a number or '('");
}

static rmseg_status parse_factor(rmseg_parser *p, rmseg_piece *out)
{
    rmseg_skip_space(p);
    const char *here = p->at;
    bool minus = false;
    while (rmseg_take(p, '-')) {
        minus = !minus;
        rmseg_skip_space(p);
    }
    if (++p->depth > DEEPEST) return rmseg_fail_at(p, here, "brackets are nested more than %d deep", DEEPEST);
    RMSEG_TRY(parse_primary(p, out));
    p->depth--;
    if (!minus) return RMSEG_OK;
    if (!out->number) return scale(p, here, out->first, RMSEG_COEFFICIENT_NEGATIVE, 0);
    return combine(p, here, &out->node, RMSEG_COEFFICIENT_NEGATIVE, out->node, out->node);
}

static rmseg_status parse_product(rmseg_parser *p, rmseg_piece *out)
{
    RMSEG_TRY(parse_factor(p, out));
    while (rmseg_take(p, '*')) {
        const char *here = p->at - 1;
        rmseg_piece right;
        RMSEG_TRY(parse_factor(p, &right));
        if (!out->number && !right.number)
            return rmseg_fail_at(p, here, "two terms cannot be multiplied; a factor is a number");
        if (out->number && right.number) {
            RMSEG_TRY(combine(p, here, &out->node, RMSEG_COEFFICIENT_PRODUCT, out->node, right.node));
            continue;
        }
        RMSEG_TRY(scale(p, here, out->number ? right.first : out->first, RMSEG_COEFFICIENT_PRODUCT,
                        out->number ? out->node : right.node));
        out->number = false;
    }
    return RMSEG_OK;
}

static rmseg_status parse_sum(rmseg_parser *p, rmseg_piece *out)
{
    RMSEG_TRY(parse_product(p, out));
    for (;;) {
        rmseg_skip_space(p);
        const char *here = p->at;
        if (*here != '+' && *here != '-') return RMSEG_OK;
        p->at++;
        rmseg_piece right;
        RMSEG_TRY(parse_product(p, &right));
        bool minus = *here == '-';
        if (out->number != right.number)
            return rmseg_fail_at(p, here, "a number and a term cannot be added; a weight is written 0.5*ce");
        if (right.number)
            RMSEG_TRY(combine(p, here, &out->node, minus ? RMSEG_COEFFICIENT_DIFFERENCE : RMSEG_COEFFICIENT_SUM,
                              out->node, right.node));
        else if (minus)
            RMSEG_TRY(scale(p, here, right.first, RMSEG_COEFFICIENT_NEGATIVE, 0));
    }
}

/* ---- definitions --------------------------------------------------------------------------------------------- */

/* The comma that ends the sum: the first outside of brackets; NULL: there is none. */
static const char *end_of_sum(const char *at)
{
    int64_t depth = 0;
    for (; *at; at++) {
        depth += (*at == '(') - (*at == ')');
        if (*at == ',' && depth <= 0) return at;
    }
    return NULL;
}

/* name = number; the parser is behind the comma. */
static rmseg_status take_definition(rmseg_parser *p)
{
    rmseg_coefficients *all = &p->objective->coefficients;
    rmseg_piece value;
    rmseg_skip_space(p);
    const char *start = p->at;
    size_t length = rmseg_run_length(p->at, "_");
    int shown = length < 40 ? (int)length : 40;
    if (!rmseg_starts_name(p)) return rmseg_fail_unexpected(p, "a name and its value, as in a = ramp(1 -> 0 by 50%)");
    if (rmseg_coefficient_find(all, start, length) >= 0)
        return rmseg_fail_at(p, start, "the name '%.*s' is defined twice", shown, start);
    if (rmseg_loss_row_find(start, length) || rmseg_starts_schedule(p))
        return rmseg_fail_at(p, start, "the name '%.*s' is taken by a %s; choose another", shown, start,
                             rmseg_starts_schedule(p) ? "schedule" : "term");
    p->at += length;
    if (!rmseg_take(p, '=')) return rmseg_fail_unexpected(p, "'='");
    RMSEG_TRY(parse_sum(p, &value));
    if (!value.number) return rmseg_fail_at(p, start, "'%.*s' is to be a number, not a term", shown, start);
    RMSEG_TRY(rmseg_coefficient_define(all, start, length, value.node));
    all->definition[all->definitions - 1].place = start - p->text;
    return RMSEG_OK;
}

/* Those behind the sum, whose end is returned; the parser stays where it is. */
static rmseg_status parse_definitions(rmseg_parser *p, const char **end)
{
    const char *start = p->at;
    *end = end_of_sum(start);
    if (!*end) return RMSEG_OK;
    p->at = *end;
    p->defining = true;
    while (rmseg_take(p, ',')) RMSEG_TRY(take_definition(p));
    if (*p->at) return rmseg_fail_unexpected(p, "',', '+', '-', '*' or the end");
    p->defining = false;
    p->at = start;
    return RMSEG_OK;
}

static rmseg_status check_used(const rmseg_parser *p)
{
    const rmseg_coefficients *all = &p->objective->coefficients;
    for (int64_t i = 0; i < all->definitions; i++)
        if (!all->definition[i].used)
            return rmseg_fail_at(p, p->text + all->definition[i].place, "'%.40s' is defined but weighs nothing",
                                 all->definition[i].name);
    return RMSEG_OK;
}

/* A share is one of the gradient of terms that have none. */
static rmseg_status check_shares(const rmseg_parser *p)
{
    const rmseg_objective *o = p->objective;
    bool free = false;
    for (int64_t i = 0; i < o->terms; i++) free |= o->coefficients.node[o->term[i].coefficient].share < 0;
    if (free || !o->coefficients.shares) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                      "objective \"%.160s\": every term has a share(); it is a share of the "
                      "gradient of terms without one, so add one, as in ce + share(10%%)*rm(2,0)",
                      p->text);
}

static rmseg_status parse_head(rmseg_parser *p)
{
    p->objective->head = RMSEG_HEAD_SOFTMAX;
    rmseg_skip_space(p);
    const char *start = p->at;
    size_t length = rmseg_run_length(start, "_-");
    p->at += length;
    if (!length || !rmseg_take(p, ':')) {
        p->at = start;
        return RMSEG_OK;
    }
    char *name = rmseg_strndup(start, length);
    rmseg_status status = name ? rmseg_head_parse(&p->objective->head, name) : RMSEG_ERROR_MEMORY;
    rmseg_free(name);
    return rmseg_fail_inside(p, start, status);
}

static rmseg_status parse_objective(rmseg_parser *p)
{
    rmseg_piece whole;
    const char *end;
    RMSEG_TRY(parse_head(p));
    rmseg_skip_space(p);
    const char *start = p->at;
    RMSEG_TRY(parse_definitions(p, &end));
    RMSEG_TRY(parse_sum(p, &whole));
    rmseg_skip_space(p);
    if (end ? p->at != end : *p->at) return rmseg_fail_unexpected(p, "'+', '-', '*' or the end");
    if (whole.number)
        return rmseg_fail_at(p, start, "a number alone is no objective; it needs a term, as in 'ce + dice'");
    RMSEG_TRY(check_used(p));
    RMSEG_TRY(check_shares(p));
    return rmseg_objective_describe(p->objective);
}

rmseg_status rmseg_objective_parse(rmseg_objective **objective, const char *expression)
{
    if (!expression)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "objective: no expression was given; 'softmax: ce + dice' is one");
    rmseg_parser p = {.text = expression, .at = expression, .objective = rmseg_alloc(1, sizeof(rmseg_objective))};
    if (!p.objective) return RMSEG_ERROR_MEMORY;
    rmseg_status status = parse_objective(&p);
    if (status == RMSEG_OK)
        *objective = p.objective;
    else
        rmseg_objective_destroy(p.objective);
    return status;
}
