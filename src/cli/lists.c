/*
 * cli/lists.c - losses, metrics, layouts, nets: what there is, one entry each.
 */
#include "cli/cli.h"

#include <string.h>

/* "name       text" of an entry, the text's further lines below its first; left out where there is nothing to say. */
static void line(const char *name, const char *text)
{
    while (text && *text) {
        int length = (int)strcspn(text, "\n");
        printf("    %-10s %.*s\n", name, length, text);
        text += length + (text[length] == '\n');
        name = "";
    }
}

rmseg_status cli_losses(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    for (int64_t i = 0; rmseg_loss_list(i); i++) {
        const rmseg_loss_info *loss = rmseg_loss_list(i);
        printf("%s  %s\n", loss->name, loss->help);
        line("arguments", loss->arguments);
        line("formula", loss->formula);
        line("source", loss->source);
    }
    printf("\nweights that change in the course of training, as in 'a*ce + (1 - a)*mse, a = ramp(1 -> 0 by 50%%)':\n");
    for (int64_t i = 0; rmseg_schedule_list(i); i++)
        printf("    %-35s %s\n", rmseg_schedule_list(i)->form, rmseg_schedule_list(i)->help);
    return RMSEG_OK;
}

static void metric(const rmseg_metric_info *metric)
{
    printf("%s\n", metric->name);
    line("formula", metric->formula);
    line("unit", metric->unit);
    line("source", metric->source);
}

rmseg_status cli_metrics(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    for (int64_t i = 0; rmseg_metric_list(i); i++) metric(rmseg_metric_list(i));
    printf("\nof `rmseg evaluate` besides:\n");
    for (int64_t i = 0; rmseg_evaluate_metric_list(i); i++) metric(rmseg_evaluate_metric_list(i));
    printf("\nconventions, for --convention, and the metrics of surfaces that each has:\n");
    for (int64_t i = 0; rmseg_convention_list(i); i++) {
        const rmseg_convention_info *convention = rmseg_convention_list(i);
        printf("%s\n", convention->name);
        line("metrics", convention->metrics);
        line("source", convention->source);
    }
    return RMSEG_OK;
}

rmseg_status cli_layouts(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    for (int64_t i = 0; rmseg_layout_list(i); i++) {
        const rmseg_layout_info *layout = rmseg_layout_list(i);
        printf("%s  %s\n", layout->name, layout->help);
        line("defaults", layout->defaults);
        line("source", layout->source);
        line("files", layout->tree);
    }
    printf("\naugmentations, for --augment of train:\n");
    for (int64_t i = 0; rmseg_augment_list(i); i++)
        printf("    %-10s %s\n", rmseg_augment_list(i)->name, rmseg_augment_list(i)->help);
    return RMSEG_OK;
}

rmseg_status cli_nets(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    for (int64_t i = 0; rmseg_net_list(i); i++) {
        printf("%s  %s\n", rmseg_net_list(i)->name, rmseg_net_list(i)->help);
        line("source", rmseg_net_list(i)->source);
    }
    return RMSEG_OK;
}
