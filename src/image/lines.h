/*
 * image/lines.h - headers that are text, one field a line: NRRD and MetaImage.
 *
 * The text is a copy that these functions cut into strings in place.
 */
#ifndef IMAGE_LINES_H
#define IMAGE_LINES_H

#include "core/core.h"

/* The next line without its end and without blanks around it; NULL after the last. */
char *rmseg_line_next(char **rest);

/* Cuts "key: value" at the first `separator`, without blanks around either; NULL where there is none. The key stays at
 * `line`. */
char *rmseg_line_value(char *line, char separator);

/* Numbers with blanks, commas or brackets between them. *count is how many there are, of which `most` are kept; false
 * where a word is no number. */
bool rmseg_line_numbers(double *values, int most, int *count, const char *text);

/* Whole numbers alike. */
bool rmseg_line_integers(int64_t *values, int most, int *count, const char *text);

#endif
