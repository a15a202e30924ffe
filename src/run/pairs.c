/* pairs.c - finding the truth, and which prediction belongs to which truth. */
#include "run/pairs.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 20 /* names in one warning */

/* ---- the truth --------------------------------------------------------------------------------------------------- */

static rmseg_status is_drishti_root(bool *is, const char *folder)
{
    static const char *const names[] = {"Test/Images", "Training/Images"};
    *is = false;
    for (int i = 0; i < 2; i++) {
        char *path = rmseg_path_join(folder, names[i]);
        if (!path) return RMSEG_ERROR_MEMORY;
        *is = *is || rmseg_folder_exists(path);
        rmseg_free(path);
    }
    return RMSEG_OK;
}

/* Whether a folder in it is the root, as the layout allows too. */
static rmseg_status is_around_drishti(bool *is, const char *folder)
{
    rmseg_names names = {0};
    rmseg_status status = rmseg_folder_list(&names, folder);
    *is = false;
    for (int64_t i = 0; i < names.count && !status && !*is; i++) {
        char *path = rmseg_path_join(folder, names.items[i]);
        status = path ? is_drishti_root(is, path) : RMSEG_ERROR_MEMORY;
        rmseg_free(path);
    }
    rmseg_names_destroy(&names);
    return status;
}

/* Goes up from `path`, which is cut to the root: DIR (or the folder around it), DIR/Test, DIR/Test/Test_GT. *split
 * stays NULL where it is not of Drishti-GS. */
static rmseg_status find_drishti(const char **split, char *path)
{
    const char *part = "all"; /* of the dataset, that the way so far leads to */
    for (int up = 0; up < 3; up++) {
        bool is_root = false;
        if (part) RMSEG_TRY(is_drishti_root(&is_root, path));
        if (!is_root && up == 0) RMSEG_TRY(is_around_drishti(&is_root, path));
        if (is_root) {
            *split = part;
            return RMSEG_OK;
        }
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) return RMSEG_OK;
        part = !strcmp(slash + 1, "Test") ? "test" : !strcmp(slash + 1, "Training") ? "train" : NULL;
        *slash = '\0';
    }
    return RMSEG_OK;
}

static bool has_labels(const rmseg_dataset *dataset)
{
    for (int64_t i = 0; i < dataset->count; i++)
        if (dataset->cases[i].labels.count) return true;
    return false;
}

/* A case whose truth is missing fails by itself and the others go on, unless the truth of all is missing. */
static rmseg_status open_layout(rmseg_cases *truths, const char *layout, const char *data, const char *split,
                                double threshold)
{
    char sentence[RMSEG_ERROR_LENGTH];
    rmseg_dataset *dataset = NULL;
    rmseg_status status = rmseg_dataset_open(&dataset, layout, data, split, threshold, true);
    if (!status) return rmseg_cases_from_dataset(truths, dataset);
    if (status != RMSEG_ERROR_FILE) return status;
    rmseg_error_take(sentence);
    RMSEG_TRY(rmseg_dataset_open(&dataset, layout, data, split, threshold, false));
    if (has_labels(dataset)) return rmseg_cases_from_dataset(truths, dataset);
    rmseg_dataset_destroy(dataset);
    return rmseg_fail(status, "%s", sentence);
}

static int64_t shared(const rmseg_cases *a, const rmseg_cases *b)
{
    int64_t count = 0;
    for (int64_t i = 0; i < a->count; i++) count += rmseg_cases_find(b, a->ids[i]) >= 0;
    return count;
}

/* How many of the predictions are of that split; 0 where it is not there. */
static rmseg_status count_predicted(int64_t *count, const char *root, const char *split, const rmseg_cases *predictions)
{
    rmseg_dataset *dataset = NULL;
    rmseg_cases cases = {0};
    *count = 0;
    rmseg_status status = rmseg_dataset_open(&dataset, "drishti-gs", root, split, 128, false);
    if (status) return status == RMSEG_ERROR_MEMORY ? status : RMSEG_OK;
    RMSEG_TRY(rmseg_cases_from_dataset(&cases, dataset));
    *count = shared(predictions, &cases);
    rmseg_cases_destroy(&cases);
    return RMSEG_OK;
}

/* Of a whole Drishti-GS the split that was predicted, so that the other one is not told of as lacking. */
static rmseg_status predicted_split(const char **split, const char *root, const rmseg_cases *predictions)
{
    int64_t train, test;
    RMSEG_TRY(count_predicted(&train, root, "train", predictions));
    RMSEG_TRY(count_predicted(&test, root, "test", predictions));
    *split = test && !train ? "test" : train && !test ? "train" : "all";
    return RMSEG_OK;
}

static rmseg_status find_truths(rmseg_cases *truths, const rmseg_truth *truth, const rmseg_cases *predictions)
{
    if (*truth->layout && *truth->path)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--truth and --layout both say where the truth is: give one of them");
    if (*truth->layout && !*truth->data)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--layout %s needs --data, the folder of the data", truth->layout);
    if (*truth->layout) return open_layout(truths, truth->layout, truth->data, truth->split, truth->threshold);
    if (!*truth->path)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "--truth is missing: give the label images to compare with, or --layout");
    char *root = rmseg_folder_exists(truth->path) ? realpath(truth->path, NULL) : NULL;
    const char *split = NULL;
    rmseg_status status = root ? find_drishti(&split, root) : RMSEG_OK;
    if (!status && split && !strcmp(split, "all")) status = predicted_split(&split, root, predictions);
    if (!status && split)
        rmseg_info("--truth %s is of Drishti-GS: read as --layout drishti-gs --data %s --split %s", truth->path, root,
                   split);
    if (!status && split)
        status = open_layout(truths, "drishti-gs", root, split, truth->threshold);
    else if (!status)
        status = rmseg_cases_from_paths(truths, &truth->path, 1);
    free(root);
    return status;
}

/* ---- partners ---------------------------------------------------------------------------------------------------- */

static bool is_single_file(const rmseg_cases *cases, const char *path)
{
    return cases->count == 1 && !cases->dataset && rmseg_file_exists(path);
}

/* Tells of the cases that have no partner in `others`; returns how many. */
static int64_t tell_alone(const rmseg_cases *cases, const rmseg_cases *others, const char *lacks)
{
    rmseg_text names = {0};
    int64_t alone = 0;
    for (int64_t i = 0; i < cases->count; i++) {
        if (rmseg_cases_find(others, cases->ids[i]) >= 0) continue;
        if (alone++ < LISTED) rmseg_text_addf(&names, "%s%s", alone > 1 ? ", " : "", cases->ids[i]);
    }
    if (alone > LISTED) rmseg_text_addf(&names, " and %lld more", (long long)(alone - LISTED));
    if (alone)
        rmseg_warn("%lld %s no %s: %s", (long long)alone, alone > 1 ? "cases have" : "case has", lacks,
                   names.data ? names.data : "");
    rmseg_text_destroy(&names);
    return alone;
}

static rmseg_status match(rmseg_pairs *pairs, const char *prediction_path, const char *truth_path)
{
    const rmseg_cases *p = &pairs->predictions, *t = &pairs->truths;
    pairs->prediction = rmseg_alloc(p->count, sizeof *pairs->prediction);
    pairs->truth = rmseg_alloc(p->count, sizeof *pairs->truth);
    if (!pairs->prediction || !pairs->truth) return RMSEG_ERROR_MEMORY;
    if (is_single_file(p, prediction_path) && is_single_file(t, truth_path)) {
        pairs->count = 1; /* both indices are 0 */
        return RMSEG_OK;
    }
    for (int64_t i = 0; i < t->count; i++) {
        int64_t found = rmseg_cases_find(p, t->ids[i]);
        if (found < 0) continue;
        pairs->prediction[pairs->count] = found;
        pairs->truth[pairs->count++] = i;
    }
    if (!pairs->count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "no prediction has the name of a truth: %s has %s, ...; the truth has %s, ...",
                          prediction_path, p->ids[0], t->ids[0]);
    if (!is_single_file(p, prediction_path)) pairs->alone = tell_alone(t, p, "prediction");
    pairs->alone += tell_alone(p, t, "truth");
    return RMSEG_OK;
}

static rmseg_status find(rmseg_pairs *pairs, const char *predictions, const rmseg_truth *truth)
{
    if (!*predictions)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT, "--pred is missing: give the label images that were predicted");
    RMSEG_TRY(rmseg_cases_from_paths(&pairs->predictions, &predictions, 1));
    RMSEG_TRY(find_truths(&pairs->truths, truth, &pairs->predictions));
    return match(pairs, predictions, truth->path);
}

rmseg_status rmseg_pairs_find(rmseg_pairs *pairs, const char *predictions, const rmseg_truth *truth)
{
    rmseg_pairs made = {0};
    rmseg_status status = find(&made, predictions, truth);
    if (status)
        rmseg_pairs_destroy(&made);
    else
        *pairs = made;
    return status;
}

void rmseg_pairs_destroy(rmseg_pairs *pairs)
{
    rmseg_cases_destroy(&pairs->predictions);
    rmseg_cases_destroy(&pairs->truths);
    rmseg_free(pairs->prediction);
    rmseg_free(pairs->truth);
    *pairs = (rmseg_pairs){0};
}
