/* preparation.c - a preparation as text and back. */
#include "run/preparation.h"

#include <math.h>
#include <string.h>

#include "run/model.h"

/* `count` numbers with commas between them; none where the text is "" or "none". */
static rmseg_status parse_numbers(double *values, int count, const char *key, const char *text)
{
    char *copy = rmseg_strdup(text), *rest = NULL;
    int found = 0;
    memset(values, 0, (size_t)count * sizeof *values);
    if (!copy) return RMSEG_ERROR_MEMORY;
    bool right = true, none = !*text || !strcmp(text, "none");
    for (char *word = none ? NULL : strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest), found++) {
        double value = 0;
        right = right && rmseg_parse_number(&value, word) && isfinite(value);
        if (found < count) values[found] = value;
    }
    rmseg_free(copy);
    if (none || (right && found == count)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--%s %s: expected %d numbers with commas between, like %s", key, text,
                      count, count == 2 ? "0.5,99.5" : "2.5,1,1");
}

static rmseg_status parse_spacing(double spacing[3], int spatial, const char *text)
{
    double read[3] = {0};
    memset(spacing, 0, 3 * sizeof *spacing);
    RMSEG_TRY(parse_numbers(read, spatial, "spacing", text));
    if (read[0] == 0 && (!*text || !strcmp(text, "none"))) return RMSEG_OK;
    for (int i = 0; i < spatial; i++)
        if (!(read[i] > 0))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--spacing %s: expected numbers above 0, in mm", text);
    spacing[0] = 1;
    memcpy(spacing + 3 - spatial, read, (size_t)spatial * sizeof *spacing);
    return RMSEG_OK;
}

static rmseg_status parse_clip(double clip[2], const char *text)
{
    RMSEG_TRY(parse_numbers(clip, 2, "clip", text));
    bool none = clip[0] == 0 && clip[1] == 0;
    if (none || (clip[0] >= 0 && clip[0] < clip[1] && clip[1] <= 100)) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--clip %s: expected two percentiles, the lower first, from 0 to 100",
                      text);
}

static rmseg_status parse_window(double window[2], const char *text)
{
    RMSEG_TRY(parse_numbers(window, 2, "ct-window", text));
    if (window[0] < window[1]) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--ct-window %s: expected two numbers, the lower first", text);
}

rmseg_status rmseg_preparation_parse(rmseg_preparation *p, int spatial, const train_options *o)
{
    RMSEG_TRY(rmseg_parse_size(p->grid, spatial, "grid", o->grid));
    RMSEG_TRY(parse_spacing(p->spacing, spatial, o->spacing));
    if (p->grid[0] && p->spacing[0] > 0)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--grid and --spacing exclude each other: give one of them, the other none");
    RMSEG_TRY(rmseg_parse_normalize(&p->normalize, o->normalize));
    RMSEG_TRY(parse_clip(p->clip, o->clip));
    if (p->normalize == RMSEG_NORMALIZE_CT) RMSEG_TRY(parse_window(p->window, o->ct_window));
    p->canonical = spatial == 3 && !strcmp(o->orientation, "canonical");
    p->crop_label = !strcmp(o->crop, "label");
    if (!p->crop_label) return RMSEG_OK;
    if (spatial != 3) return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--crop label is for volumes; these images are 2D");
    rmseg_warn(
        "--crop label cuts each case around its own truth, in validation too: what is learned and measured assumes "
        "that somebody knows where the target is; predict sees whole volumes");
    return RMSEG_OK;
}

/* ---- weights files ---------------------------------------------------------------------------------------------- */

static rmseg_status note_numbers(rmseg_tensor_file *file, const char *key, const double *values, int count, bool given)
{
    rmseg_text text = {0};
    char number[32];
    rmseg_text_add(&text, given ? "" : "none");
    for (int i = 0; i < count && given; i++)
        rmseg_text_addf(&text, "%s%s", i ? "," : "", rmseg_number_text(number, values[i]));
    rmseg_status status = text.failed ? RMSEG_ERROR_MEMORY : rmseg_tensor_file_note(file, key, text.data);
    rmseg_text_destroy(&text);
    return status;
}

rmseg_status rmseg_preparation_save(rmseg_tensor_file *file, const rmseg_preparation *p, int spatial)
{
    rmseg_text grid = {0};
    rmseg_size_text(&grid, p->grid, spatial);
    rmseg_status status = grid.failed ? RMSEG_ERROR_MEMORY : rmseg_tensor_file_note(file, "rmseg.grid", grid.data);
    rmseg_text_destroy(&grid);
    RMSEG_TRY(status);
    RMSEG_TRY(note_numbers(file, "rmseg.spacing", p->spacing + 3 - spatial, spatial, p->spacing[0] > 0));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.orientation", p->canonical ? "canonical" : "file"));
    RMSEG_TRY(note_numbers(file, "rmseg.clip", p->clip, 2, p->clip[0] != 0 || p->clip[1] != 0));
    RMSEG_TRY(rmseg_tensor_file_note(file, "rmseg.normalize", rmseg_normalize_name(p->normalize)));
    return note_numbers(file, "rmseg.window", p->window, 2, p->normalize == RMSEG_NORMALIZE_CT);
}

static const char *value_of(const rmseg_tensor_file *file, const char *key, const char *otherwise)
{
    const char *value = rmseg_tensor_file_value(file, key);
    return value ? value : otherwise;
}

rmseg_status rmseg_preparation_load(rmseg_preparation *p, const rmseg_tensor_file *file, const char *path, int spatial)
{
    const char *grid, *normalize;
    RMSEG_TRY(rmseg_model_need(&grid, file, "rmseg.grid", path));
    RMSEG_TRY(rmseg_model_need(&normalize, file, "rmseg.normalize", path));
    RMSEG_TRY(rmseg_parse_size(p->grid, spatial, "grid", grid));
    RMSEG_TRY(rmseg_parse_normalize(&p->normalize, normalize));
    RMSEG_TRY(parse_spacing(p->spacing, spatial, value_of(file, "rmseg.spacing", "none")));
    RMSEG_TRY(parse_clip(p->clip, value_of(file, "rmseg.clip", "none")));
    if (p->normalize == RMSEG_NORMALIZE_CT) RMSEG_TRY(parse_window(p->window, value_of(file, "rmseg.window", "none")));
    p->canonical = !strcmp(value_of(file, "rmseg.orientation", "file"), "canonical");
    return RMSEG_OK;
}
