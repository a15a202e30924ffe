/*
 * expression.c - parses an objective.
 *
 *     objective = [ head ':' ] sum
 *     sum       = product { ('+' | '-') product }
 *     product   = factor { '*' factor }
 *     factor    = '-' factor | number | '(' sum ')' | term
 *     term      = name [ '(' [ order { ',' order } ] [ ';' ] [ key '=' value { ',' key '=' value } ] ')' ]
 *
 * Every part of an expression is a number or a run of terms. Numbers calculate ("(1 - 0.3)*dice"), a number times terms
 * scales them, terms join; anything else is refused at its operator.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loss/objective.h"

#define DEEPEST       64  /* nested brackets and signs */
#define SHOWN         160 /* characters of the expression an error repeats */
#define HIGHEST_ORDER 20  /* beyond it c^(2q) leaves float's range */

typedef struct parser {
    const char *text, *at;
    rmseg_objective *objective;
    int depth;
} parser;

/* A number, or the terms objective->term[first ..] up to the current end. */
typedef struct piece {
    bool number;
    double value;
    int64_t first;
} piece;

static rmseg_status parse_sum(parser *p, piece *out);

/* ---- errors ------------------------------------------------------------------------------------------------- */

/* The part of the expression around `at`, printable. */
static void excerpt(char *shown, const parser *p, const char *at)
{
    size_t length = strlen(p->text), place = (size_t)(at - p->text);
    size_t start = place > SHOWN / 2 && length > SHOWN ? place - SHOWN / 2 : 0;
    size_t count = length - start < SHOWN ? length - start : SHOWN;
    for (size_t i = 0; i < count; i++) {
        unsigned char c = (unsigned char)p->text[start + i];
        shown[i] = isprint(c) ? (char)c : '?';
    }
    shown[count] = 0;
}

static rmseg_status fail_at(const parser *p, const char *at, const char *format, ...) RMSEG_PRINTF(3, 4);
static rmseg_status fail_at(const parser *p, const char *at, const char *format, ...)
{
    char shown[SHOWN + 1], said[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    excerpt(shown, p, at);
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "objective \"%s\", column %td: %s", shown, at - p->text + 1, said);
}

/* Puts the place before a sentence that has none yet. */
static rmseg_status fail_inside(const parser *p, const char *at, rmseg_status status)
{
    char shown[SHOWN + 1];
    if (status != RMSEG_ERROR_ARGUMENT) return status;
    excerpt(shown, p, at);
    return rmseg_fail_in(status, "objective \"%s\", column %td", shown, at - p->text + 1);
}

static rmseg_status fail_unexpected(const parser *p, const char *expected)
{
    if (!*p->at) return fail_at(p, p->at, "the expression ends where %s was expected", expected);
    return fail_at(p, p->at, "found '%c' where %s was expected", isprint((unsigned char)*p->at) ? *p->at : '?',
                   expected);
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */

static void skip_space(parser *p)
{
    while (isspace((unsigned char)*p->at)) p->at++;
}

static bool take(parser *p, char c)
{
    skip_space(p);
    if (*p->at != c) return false;
    p->at++;
    return true;
}

static bool starts_name(const parser *p) { return isalpha((unsigned char)*p->at) || *p->at == '_'; }

/* Length of the run of letters, digits and `extra` characters at `at`. */
static size_t run_length(const char *at, const char *extra)
{
    size_t n = 0;
    while (at[n] && (isalnum((unsigned char)at[n]) || strchr(extra, at[n]))) n++;
    return n;
}

/* Digits, point and exponent; the sign belongs to the grammar. */
static rmseg_status take_number(parser *p, double *value)
{
    const char *start = p->at, *end = start;
    while (isdigit((unsigned char)*end) || *end == '.') end++;
    if (*end == 'e' || *end == 'E') {
        end += end[1] == '+' || end[1] == '-' ? 2 : 1;
        while (isdigit((unsigned char)*end)) end++;
    }
    char *copy = rmseg_strndup(start, (size_t)(end - start));
    if (!copy) return RMSEG_ERROR_MEMORY;
    bool good = rmseg_parse_number(value, copy) && isfinite(*value);
    rmseg_free(copy);
    if (!good)
        return fail_at(p, start, "'%.*s' is not a finite number", (int)(end - start < 40 ? end - start : 40), start);
    p->at = end;
    return RMSEG_OK;
}

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

static rmseg_status fail_unknown_term(const parser *p, size_t length)
{
    char word[RMSEG_LOSS_NAME], sentence[100];
    rmseg_names names = {0};
    rmseg_status status = RMSEG_OK;
    const rmseg_loss_row *row;
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), p->at);
    snprintf(sentence, sizeof sentence, "there is no term '%s'", word);
    for (int64_t i = 0; !status && (row = rmseg_loss_row_at(i)); i++) status = rmseg_names_add(&names, row->info.name);
    return fail_inside(p, p->at, fail_unknown(sentence, word, &names, status));
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

static rmseg_status take_orders(parser *p, rmseg_loss_term *term)
{
    const char *start = p->at;
    do {
        double order;
        skip_space(p);
        const char *here = p->at;
        if (!isdigit((unsigned char)*p->at)) return fail_unexpected(p, "an order (a whole number)");
        RMSEG_TRY(take_number(p, &order));
        if (order != floor(order) || order > HIGHEST_ORDER)
            return fail_at(p, here, "an order is a whole number from 0 to %d", HIGHEST_ORDER);
        if (term->orders < 3) term->order[term->orders] = (int64_t)order;
        term->orders++;
    } while (take(p, ','));
    if (term->orders == 2 || term->orders == 3) return RMSEG_OK;
    return fail_at(p, start, "%s takes one order per axis, 2 in 2D and 3 in 3D; found %lld", term->row->info.name,
                   (long long)term->orders);
}

static rmseg_status set_option(rmseg_loss_term *term, const char *key, const char *value)
{
    if (!rmseg_options_get(term->options, key)) return fail_unknown_option(term, key);
    if (rmseg_options_given(term->options, key))
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "option %s is given twice", key);
    return rmseg_options_set(term->options, key, value);
}

/* key = value, handed to the row's options. */
static rmseg_status take_option(parser *p, rmseg_loss_term *term)
{
    skip_space(p);
    const char *start = p->at;
    if (!starts_name(p)) return fail_unexpected(p, "an option (name=value)");
    size_t key_length = run_length(p->at, "_-");
    p->at += key_length;
    if (!take(p, '=')) return fail_unexpected(p, "'=' and the option's value");
    skip_space(p);
    size_t value_length = run_length(p->at, "_-+.");
    if (!value_length) return fail_unexpected(p, "the option's value");

    char *key = rmseg_strndup(start, key_length), *value = rmseg_strndup(p->at, value_length);
    rmseg_status status = key && value ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (status == RMSEG_OK) status = set_option(term, key, value);
    rmseg_free(key);
    rmseg_free(value);
    p->at += value_length;
    return fail_inside(p, start, status);
}

static rmseg_status take_arguments(parser *p, rmseg_loss_term *term)
{
    skip_space(p);
    if (take(p, ')')) return RMSEG_OK;
    if (term->row->orders && !starts_name(p)) {
        RMSEG_TRY(take_orders(p, term));
        if (take(p, ')')) return RMSEG_OK;
        if (!take(p, ';')) return fail_unexpected(p, "',' and an order, ';' and options, or ')'");
        if (take(p, ')')) return RMSEG_OK;
    }
    do RMSEG_TRY(take_option(p, term));
    while (take(p, ','));
    return take(p, ')') ? RMSEG_OK : fail_unexpected(p, "',' or ')'");
}

static rmseg_status take_term(parser *p)
{
    const char *start = p->at;
    size_t length = run_length(p->at, "_");
    const rmseg_loss_row *row = rmseg_loss_row_find(p->at, length);
    if (!row) return fail_unknown_term(p, length);
    RMSEG_TRY(rmseg_objective_grow(p->objective));
    rmseg_loss_term *term = p->objective->term + p->objective->terms;
    RMSEG_TRY(row->create_options(&term->options));
    p->objective->terms++;
    term->row = row;
    term->weight = 1;
    term->column = start - p->text + 1;
    p->at += length;
    if (take(p, '(')) RMSEG_TRY(take_arguments(p, term));
    if (row->orders && !term->orders)
        return fail_at(p, start, "%s needs its orders, as in %s(2,0) in 2D or %s(2,0,0) in 3D", row->info.name,
                       row->info.name, row->info.name);
    return row->settle ? fail_inside(p, start, row->settle(term)) : RMSEG_OK;
}

/* ---- the grammar -------------------------------------------------------------------------------------------- */

/* Multiplies the terms from `first` on. */
static rmseg_status scale(parser *p, const char *at, int64_t first, double factor)
{
    for (int64_t i = first; i < p->objective->terms; i++) {
        double *weight = &p->objective->term[i].weight;
        *weight *= factor;
        if (!isfinite(*weight)) return fail_at(p, at, "the weight of a term is beyond the range of numbers");
    }
    return RMSEG_OK;
}

static rmseg_status parse_primary(parser *p, piece *out)
{
    *out = (piece){.first = p->objective->terms};
    if (take(p, '(')) {
        RMSEG_TRY(parse_sum(p, out));
        return take(p, ')') ? RMSEG_OK : fail_unexpected(p, "'+', '-', '*' or ')'");
    }
    if (isdigit((unsigned char)*p->at) || *p->at == '.') {
        out->number = true;
        return take_number(p, &out->value);
    }
    return starts_name(p) ? take_term(p) : fail_unexpected(p, "a term, a number or '('");
}

static rmseg_status parse_factor(parser *p, piece *out)
{
    skip_space(p);
    const char *here = p->at;
    bool minus = false;
    while (take(p, '-')) {
        minus = !minus;
        skip_space(p);
    }
    if (++p->depth > DEEPEST) return fail_at(p, here, "brackets are nested more than %d deep", DEEPEST);
    RMSEG_TRY(parse_primary(p, out));
    p->depth--;
    if (!minus) return RMSEG_OK;
    out->value = -out->value;
    return out->number ? RMSEG_OK : scale(p, here, out->first, -1);
}

static rmseg_status parse_product(parser *p, piece *out)
{
    RMSEG_TRY(parse_factor(p, out));
    while (take(p, '*')) {
        const char *here = p->at - 1;
        piece right;
        RMSEG_TRY(parse_factor(p, &right));
        if (!out->number && !right.number)
            return fail_at(p, here, "two terms cannot be multiplied; a factor is a number");
        if (out->number && right.number) {
            out->value *= right.value;
            if (!isfinite(out->value)) return fail_at(p, here, "the product is beyond the range of numbers");
            continue;
        }
        RMSEG_TRY(scale(p, here, out->number ? right.first : out->first, out->number ? out->value : right.value));
        out->number = false;
    }
    return RMSEG_OK;
}

static rmseg_status parse_sum(parser *p, piece *out)
{
    RMSEG_TRY(parse_product(p, out));
    for (;;) {
        skip_space(p);
        const char *here = p->at;
        if (*here != '+' && *here != '-') return RMSEG_OK;
        p->at++;
        piece right;
        RMSEG_TRY(parse_product(p, &right));
        if (out->number != right.number)
            return fail_at(p, here, "a number and a term cannot be added; a weight is written 0.5*ce");
        if (*here == '-' && !right.number) RMSEG_TRY(scale(p, here, right.first, -1));
        if (right.number) out->value += *here == '-' ? -right.value : right.value;
        if (!isfinite(out->value)) return fail_at(p, here, "the sum is beyond the range of numbers");
    }
}

static rmseg_status parse_head(parser *p)
{
    p->objective->head = RMSEG_HEAD_SOFTMAX;
    skip_space(p);
    const char *start = p->at;
    size_t length = run_length(start, "_-");
    p->at += length;
    if (!length || !take(p, ':')) {
        p->at = start;
        return RMSEG_OK;
    }
    char *name = rmseg_strndup(start, length);
    rmseg_status status = name ? rmseg_head_parse(&p->objective->head, name) : RMSEG_ERROR_MEMORY;
    rmseg_free(name);
    return fail_inside(p, start, status);
}

static rmseg_status parse_objective(parser *p)
{
    piece whole;
    RMSEG_TRY(parse_head(p));
    skip_space(p);
    const char *start = p->at;
    RMSEG_TRY(parse_sum(p, &whole));
    skip_space(p);
    if (*p->at) return fail_unexpected(p, "'+', '-', '*' or the end");
    if (whole.number) return fail_at(p, start, "a number alone is no objective; it needs a term, as in 'ce + dice'");
    return rmseg_objective_describe(p->objective);
}

rmseg_status rmseg_objective_parse(rmseg_objective **objective, const char *expression)
{
    if (!expression)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "objective: no expression was given; 'softmax: ce + dice' is one");
    parser p = {.text = expression, .at = expression, .objective = rmseg_alloc(1, sizeof(rmseg_objective))};
    if (!p.objective) return RMSEG_ERROR_MEMORY;
    rmseg_status status = parse_objective(&p);
    if (status == RMSEG_OK)
        *objective = p.objective;
    else
        rmseg_objective_destroy(p.objective);
    return status;
}
