/* train_options.c - where the values of a training's options come from. */
#include "run/train_options.h"

#include <string.h>

#include "data/data.h"
#include "nn/nn.h"
#include "run/run.h"

RMSEG_OPTIONS_DEFINE(train_options, TRAIN_OPTIONS)

rmseg_status rmseg_train_options_create(rmseg_options **options) { return train_options_create(options); }

static rmseg_status copy_given(rmseg_options *own, const rmseg_options *given)
{
    for (int64_t i = 0; i < rmseg_options_count(given); i++) {
        rmseg_option_info info;
        RMSEG_TRY(rmseg_options_info(&info, given, i));
        if (rmseg_options_given(given, info.key))
            RMSEG_TRY(rmseg_options_set(own, info.key, rmseg_options_get(given, info.key)));
    }
    return RMSEG_OK;
}

rmseg_status rmseg_train_options_copy(rmseg_options **own, const rmseg_options *given)
{
    if (!train_options_values(given)) return RMSEG_ERROR_ARGUMENT;
    rmseg_options *made = NULL;
    RMSEG_TRY(rmseg_train_options_create(&made));
    rmseg_status status = copy_given(made, given);
    if (status)
        rmseg_options_destroy(made);
    else
        *own = made;
    return status;
}

static const rmseg_layout_info *find_layout(const char *name)
{
    const rmseg_layout_info *layout = NULL;
    for (int64_t i = 0; (layout = rmseg_layout_list(i)); i++)
        if (!strcmp(layout->name, name)) return layout;
    return NULL;
}

/* One "key=value" of a layout's defaults; it is changed to two strings. */
static rmseg_status suggest(rmseg_options *own, char *pair, bool shape_given)
{
    char *value = strchr(pair, '=');
    if (!value) return RMSEG_OK;
    *value++ = '\0';
    if (shape_given && (!strcmp(pair, "grid") || !strcmp(pair, "patch"))) return RMSEG_OK;
    return rmseg_options_suggest(own, pair, value);
}

static const rmseg_net_info *find_net(const char *name)
{
    const rmseg_net_info *net = NULL;
    for (int64_t i = 0; (net = rmseg_net_list(i)); i++)
        if (!strcmp(net->name, name)) return net;
    return NULL;
}

static rmseg_status suggest_all(rmseg_options *own, const char *pairs, bool shape_given)
{
    char *copy = rmseg_strdup(pairs), *rest = NULL;
    if (!copy) return RMSEG_ERROR_MEMORY;
    rmseg_status status = RMSEG_OK;
    for (char *pair = strtok_r(copy, " ", &rest); pair && !status; pair = strtok_r(NULL, " ", &rest))
        status = suggest(own, pair, shape_given);
    rmseg_free(copy);
    return status;
}

/* An unknown layout or network is refused where the data is opened and the network is made. */
rmseg_status rmseg_train_options_suggest(rmseg_options *own)
{
    const rmseg_layout_info *layout = find_layout(rmseg_options_get(own, "layout"));
    const rmseg_net_info *net = find_net(rmseg_options_get(own, "net"));
    bool shape_given = rmseg_options_given(own, "grid") || rmseg_options_given(own, "patch");
    if (layout && layout->defaults) RMSEG_TRY(suggest_all(own, layout->defaults, shape_given));
    return net ? suggest_all(own, net->defaults, shape_given) : RMSEG_OK;
}

static bool is_one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (!strcmp(key, *keys)) return true;
    return false;
}

/* What belongs to one call alone. */
static const char *const never_recalled[] = {"out", "resume", "overwrite", NULL};

/* What decides how long and how, not what is computed. Where the data lies is free because its hash is compared. */
static const char *const may_change[] = {"data",
                                         "iterations",
                                         "val-every",
                                         "patience",
                                         "threads",
                                         "cache",
                                         "cache-dir",
                                         "workers",
                                         "samples",
                                         "log-gradients",
                                         "save-every",
                                         "save-seconds",
                                         "checkpoint-activations",
                                         NULL};

rmseg_status rmseg_train_options_recall(rmseg_options *own, const char *key, const char *recorded)
{
    if (is_one_of(key, never_recalled)) return RMSEG_OK;
    const char *value = rmseg_options_get(own, key);
    if (!value) /* an option of another version */
        return rmseg_fail(RMSEG_ERROR_UNSUPPORTED,
                          "the run was made with option --%s, which this version (%s) lacks: go on with the version "
                          "that run.json names",
                          key, rmseg_version());
    if (!rmseg_options_given(own, key)) return *recorded ? rmseg_options_set(own, key, recorded) : RMSEG_OK;
    if (is_one_of(key, may_change) || !strcmp(value, recorded)) return RMSEG_OK;
    return rmseg_fail(
        RMSEG_ERROR_ARGUMENT,
        "--%s %s: the run was trained with %s, and going on with another value is another training: leave "
        "--%s out, or start a new run with --init",
        key, value, *recorded ? recorded : "none", key);
}

/* Of what may change, these decide which weights come out. */
static const char *const decide[] = {"iterations", "val-every", "patience", NULL};

static bool is_in_hash(const char *key)
{
    if (is_one_of(key, decide)) return true;
    return !is_one_of(key, may_change) && !is_one_of(key, never_recalled) && strcmp(key, "init");
}

rmseg_status rmseg_train_options_hash(char hex[65], const rmseg_options *own, const char *data_hash,
                                      const char *init_hash)
{
    rmseg_text lines = {0};
    rmseg_status status = RMSEG_OK;
    rmseg_text_addf(&lines, "rmseg %s\ndata %s\ninit %s\n", rmseg_version(), data_hash, init_hash);
    for (int64_t i = 0; i < rmseg_options_count(own) && !status; i++) {
        rmseg_option_info info;
        status = rmseg_options_info(&info, own, i);
        if (!status && is_in_hash(info.key))
            rmseg_text_addf(&lines, "%s = %s\n", info.key, rmseg_options_get(own, info.key));
    }
    if (!status && lines.failed) status = RMSEG_ERROR_MEMORY;
    if (!status) rmseg_hash(hex, lines.data, lines.length);
    rmseg_text_destroy(&lines);
    return status;
}
