/*
 * image/lines.h - headers that are text, one field a line: NRRD and MetaImage.
 *
 * The text is a copy that these functions cut into strings in place.
 */
#ifndef IMAGE_LINES_H
#define IMAGE_LINES_H

#include "image/format.h"

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

/* A format whose header is such text. */
typedef struct rmseg_lines_format {
    char separator;                                        /* of key and value */
    const char *data_file[2];                              /* names of the field that names the file of the voxels */
    const char *local;                                     /* its value where that is the header's own; NULL: none */
    size_t (*header_length)(const rmseg_image_file *file); /* bytes before the voxels, or all there are */
    rmseg_status (*decode)(rmseg_image *image, char *text, size_t length, const rmseg_image_file *file,
                           bool header_only); /* with the header as a copy to cut */
} rmseg_lines_format;

/* A format's `decode` and `partner`, as format.h has them. */
rmseg_status rmseg_lines_decode(rmseg_image *image, const rmseg_image_file *file, bool header_only,
                                const rmseg_lines_format *format);
rmseg_status rmseg_lines_partner(char **partner, const char *path, const rmseg_lines_format *format);

#endif
