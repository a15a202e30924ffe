/*
 * loss/parser.h - what the files that read an expression share: the place reached, tokens, sentences.
 */
#ifndef LOSS_PARSER_H
#define LOSS_PARSER_H

#include "loss/objective.h"

typedef struct rmseg_parser {
    const char *text, *at; /* the whole expression, and how far it is read */
    rmseg_objective *objective;
    int depth;
    bool defining; /* inside a definition */
} rmseg_parser;

/* A number's node, or the terms objective->term[first ..] up to the current end. */
typedef struct rmseg_piece {
    bool number;
    int64_t node, first;
} rmseg_piece;

/* Sentences with the expression and the column of `at`. _inside puts them before the sentence there is already. */
rmseg_status rmseg_fail_at(const rmseg_parser *p, const char *at, const char *format, ...) RMSEG_PRINTF(3, 4);
rmseg_status rmseg_fail_inside(const rmseg_parser *p, const char *at, rmseg_status status);
rmseg_status rmseg_fail_unexpected(const rmseg_parser *p, const char *expected); /* at p->at */

void rmseg_skip_space(rmseg_parser *p);
bool rmseg_take(rmseg_parser *p, char c); /* the next character that is no blank, if it is c */
bool rmseg_take_word(rmseg_parser *p, const char *word);
bool rmseg_starts_name(const rmseg_parser *p);
size_t rmseg_run_length(const char *at, const char *extra);     /* of letters, digits and `extra` characters */
rmseg_status rmseg_take_number(rmseg_parser *p, double *value); /* digits, point, exponent; no sign */

/* "name(" at the place of the parser: is it a schedule? Then reads it. */
bool rmseg_starts_schedule(const rmseg_parser *p);
rmseg_status rmseg_take_schedule(rmseg_parser *p, int64_t *node);

#endif
