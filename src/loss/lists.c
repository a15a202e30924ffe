/*
 * lists.c - the lists a term's options hold: channels ("fg", "all", "1+2") and class weights ("1+0.5+2"); and what they make a value count.
 */
#include <string.h>

#include "loss/evaluator.h"

/* The item at *text up to the next '+', copied into `item`; moves on. False when it is empty or too long. */
static bool next_item(char item[32], const char **text)
{
    size_t length = strcspn(*text, "+");
    if (length == 0 || length > 31) return false;
    memcpy(item, *text, length);
    item[length] = 0;
    *text += length;
    return true;
}

rmseg_status rmseg_channels_parse(int64_t *place, int64_t *count, int64_t k, int64_t first, const char *text)
{
    bool all = !strcmp(text, "all");
    if (place) *count = 0;
    for (int64_t c = 0; place && c < k; c++) place[c] = -1;
    if (all || !strcmp(text, "fg")) {
        for (int64_t c = all ? 0 : first; place && c < k; c++) place[c] = (*count)++;
        return RMSEG_OK;
    }
    const char *at = text;
    for (;;) {
        char item[32];
        int64_t channel;
        if (!next_item(item, &at) || !rmseg_parse_integer(&channel, item) || channel < 0)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "channels=%.60s: expected fg, all, or channels such as 1+2", text);
        if (place && channel >= k)
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "channels=%.60s: the batch has the channels 0 to %lld", text,
                              (long long)k - 1);
        if (place && place[channel] < 0) place[channel] = (*count)++;
        if (!*at++) return RMSEG_OK;
    }
}

rmseg_status rmseg_weights_parse(double *weights, int64_t expected, const char *text)
{
    int64_t count = 0;
    const char *at = text;
    if (!*text) return RMSEG_OK;
    do {
        char item[32];
        double weight;
        if (!next_item(item, &at) || !rmseg_parse_number(&weight, item) || !(weight >= 0 && weight <= 1e30))
            return rmseg_fail(RMSEG_ERROR_ARGUMENT, "weights=%.60s: expected numbers of at least 0, such as 1+0.5",
                              text);
        if (weights && count < expected) weights[count] = weight;
        count++;
    } while (*at++);
    if (!weights || count == expected) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_ARGUMENT, "weights=%.60s: found %lld weights for %lld channels", text,
                      (long long)count, (long long)expected);
}

static rmseg_status read_weights(rmseg_loss_part *part, int64_t k, const char *text)
{
    double *listed = rmseg_alloc(part->channel_count, sizeof *listed);
    part->weights = rmseg_alloc(k, sizeof *part->weights);
    rmseg_status status = listed && part->weights ? RMSEG_OK : RMSEG_ERROR_MEMORY;
    if (!status) status = rmseg_weights_parse(listed, part->channel_count, text);
    for (int64_t c = 0; !status && c < k; c++) part->weights[c] = part->channels[c] ? listed[part->place[c]] : 0;
    rmseg_free(listed);
    return status;
}

rmseg_status rmseg_part_channels(rmseg_evaluator *e, rmseg_loss_part *part, const char *channels, const char *weights)
{
    int64_t k = e->sweep.batch.k;
    part->channels = rmseg_alloc(k, sizeof *part->channels);
    part->place = rmseg_alloc(k, sizeof *part->place);
    if (!part->channels || !part->place) return RMSEG_ERROR_MEMORY;
    RMSEG_TRY(rmseg_channels_parse(part->place, &part->channel_count, k, 1 - e->sweep.first_label, channels));
    for (int64_t c = 0; c < k; c++) part->channels[c] = part->place[c] >= 0;
    return *weights ? read_weights(part, k, weights) : RMSEG_OK;
}

rmseg_status rmseg_term_orders(int64_t order[3], const rmseg_loss_term *term, int64_t index, int spatial)
{
    const char *name = term->row->info.name;
    if (term->orders != spatial)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "%s has %lld orders but the batch is %dD: give one for each axis, as in %s(2,0%s)",
                          term->name, (long long)term->orders, spatial, name, spatial == 2 ? "" : ",0");
    const int64_t *from = index ? term->more[index - 1] : term->order;
    for (int axis = 0; axis < 3; axis++) order[axis] = axis < 3 - spatial ? 0 : from[axis - (3 - spatial)];
    return RMSEG_OK;
}

rmseg_status rmseg_part_orders(rmseg_evaluator *e, rmseg_loss_part *part, bool squared, const rmseg_field_rule *rule)
{
    const rmseg_loss_term *term = part->term;
    int64_t lists = 1 + term->mores, exponent[3] = {0};
    part->each = lists > 1;
    if (part->each && lists != part->channel_count)
        return rmseg_fail(RMSEG_ERROR_ARGUMENT,
                          "found %lld lists of orders for %lld channel%s; expected one for all, or one for each of "
                          "channels=%.60s, in its order",
                          (long long)lists, (long long)part->channel_count, part->channel_count == 1 ? "" : "s",
                          rmseg_options_get(term->options, "channels"));
    for (int64_t i = 0; i < lists; i++) {
        if (term->row->orders) RMSEG_TRY(rmseg_term_orders(exponent, term, i, e->sweep.batch.spatial));
        for (int axis = 0; squared && axis < 3; axis++) exponent[axis] *= 2;
        RMSEG_TRY(rmseg_field_add(e, part, squared, rule, exponent));
    }
    return RMSEG_OK;
}

rmseg_loss_part rmseg_part_of_channel(const rmseg_loss_part *part, int64_t c)
{
    rmseg_loss_part own = *part;
    if (!part->each) return own;
    own.index += part->place[c];
    own.indices = 1;
    return own;
}

double rmseg_part_count(const rmseg_evaluator *e, const rmseg_loss_part *part, const char *reduction, int64_t c)
{
    double weight = part->weights ? part->weights[c] : 1, samples = (double)e->sweep.batch.n;
    if (!strcmp(reduction, "sum")) return weight;
    return weight / (!strcmp(reduction, "mean") ? (double)part->channel_count * samples : samples);
}
