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

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* A line of arguments, "name=default  choices  help" (of an augmentation "name=default  unit  help"), where each part begins and how long it is. */
typedef struct argument {
    const char *part[3];
    int length[3];
} argument;

static const char *read_argument(argument *a, const char *at)
{
    const char *end = at + strcspn(at, "\n");
    for (int i = 0; i < 3; i++) {
        const char *gap = i < 2 ? strstr(at, "  ") : end;
        if (!gap || gap > end) gap = end;
        a->part[i] = at;
        a->length[i] = (int)(gap - at);
        at = gap + 2 < end ? gap + 2 : end;
    }
    return end + (*end == '\n');
}

static void print_arguments(const char *first, int width, const char *text)
{
    argument a;
    int wide[2] = {0};
    for (const char *at = text; *at;) {
        at = read_argument(&a, at);
        for (int i = 0; i < 2; i++)
            if (a.length[i] > wide[i]) wide[i] = a.length[i];
    }
    for (const char *at = text, *title = first; *at; title = "") {
        at = read_argument(&a, at);
        printf("    %-*s %-*.*s  %-*.*s  %.*s\n", width, title, wide[0], a.length[0], a.part[0], wide[1], a.length[1],
               a.part[1], a.length[2], a.part[2]);
    }
}

static void print_loss(const rmseg_loss_info *loss)
{
    printf("%s  %s\n", loss->name, loss->help);
    print_arguments("arguments", 10, loss->arguments);
    line("formula", loss->formula);
    line("source", loss->source);
}

static void print_schedule(const rmseg_schedule_info *schedule)
{
    printf("    %-35s %s\n", schedule->form, schedule->help);
}

enum { MOST_NAMES = 200 };

/* The terms and schedules of a name; an unknown one brings the nearest. */
static rmseg_status print_named(const char *name)
{
    const char *names[MOST_NAMES];
    int64_t count = 0;
    for (int64_t i = 0; rmseg_loss_list(i) && count < MOST_NAMES; i++) {
        names[count++] = rmseg_loss_list(i)->name;
        if (strcmp(name, rmseg_loss_list(i)->name) == 0) return print_loss(rmseg_loss_list(i)), RMSEG_OK;
    }
    for (int64_t i = 0; rmseg_schedule_list(i) && count < MOST_NAMES; i++) {
        names[count++] = rmseg_schedule_list(i)->name;
        if (strcmp(name, rmseg_schedule_list(i)->name) == 0) return print_schedule(rmseg_schedule_list(i)), RMSEG_OK;
    }
    const char *near = rmseg_nearest(name, names, count);
    return cli_fail(RMSEG_ERROR_ARGUMENT, "there is no term or schedule '%s'%s%s%s (`rmseg losses` lists them)", name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

rmseg_status cli_losses(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options;
    for (int64_t i = 0; i < count; i++) CLI_TRY(print_named(operands[i]));
    for (int64_t i = 0; rmseg_loss_list(i) && !count; i++) print_loss(rmseg_loss_list(i));
    if (!count)
        printf(
            "\nweights that change in the course of training, as in 'a*ce + (1 - a)*mse, a = ramp(1 -> 0 by 50%%)':\n");
    for (int64_t i = 0; rmseg_schedule_list(i) && !count; i++) print_schedule(rmseg_schedule_list(i));
    return RMSEG_OK;
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static const rmseg_option_info metrics_rows[] = {
    {"example", "switch", "false", "", 0, 0, "", "one pair of masks, measured by every convention (docs/metrics.md)",
     ""},
};

rmseg_status cli_metrics_options(rmseg_options **options)
{
    return rmseg_options_define(options, metrics_rows, sizeof metrics_rows / sizeof *metrics_rows);
}

enum { SIDE = 32 };

static void set_square(uint8_t *mask, int top, int left, int side)
{
    for (int y = top; y < top + side; y++)
        for (int x = left; x < left + side; x++) mask[y * SIDE + x] = 1;
}

static bool lists(const char *metrics, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = metrics; (at = strstr(at, name)); at += length)
        if ((at == metrics || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
    return false;
}

/* A square at the image's left edge; the same one column to the right, with an island far away. */
static rmseg_status show_example(void)
{
    static const char *const names[] = {"hd", "hd95", "asd", "assd", "nsd"};
    uint8_t truth[SIDE * SIDE] = {0}, prediction[SIDE * SIDE] = {0};
    rmseg_metric_settings settings;
    rmseg_metric_settings_default(&settings);
    settings.tolerance = 1;
    set_square(truth, 10, 0, 12);
    set_square(prediction, 10, 1, 12);
    set_square(prediction, 26, 28, 2);
    printf("%-18s", "");
    for (int m = 0; m < 5; m++) printf("%9s", names[m]);
    for (int64_t i = 0; rmseg_convention_list(i); i++) {
        settings.convention = rmseg_convention_list(i)->name;
        printf("\n%-18s", settings.convention);
        for (int m = 0; m < 5; m++) {
            double value = 0;
            if (!lists(rmseg_convention_list(i)->metrics, names[m])) {
                printf("%9s", "-");
                continue;
            }
            rmseg_status status = rmseg_metric_measure(&value, NULL, prediction, truth, (int64_t[]){1, SIDE, SIDE},
                                                       (double[]){1, 1, 1}, &names[m], 1, &settings);
            if (status) return status;
            printf("%9.3f", value);
        }
    }
    printf("\n");
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
    (void)operands, (void)count;
    if (!strcmp(rmseg_options_get(options, "example"), "true")) return show_example();
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
    for (int64_t i = 0; rmseg_augment_list(i); i++) {
        const rmseg_augment_info *info = rmseg_augment_list(i);
        printf("    %-13s %s\n", info->name, info->help);
        if (info->parameters) print_arguments("", 13, info->parameters);
    }
    return RMSEG_OK;
}

rmseg_status cli_nets(const rmseg_options *options, const char *const *operands, int64_t count)
{
    (void)options, (void)operands, (void)count;
    for (int64_t i = 0; rmseg_net_list(i); i++) {
        printf("%s  %s\n", rmseg_net_list(i)->name, rmseg_net_list(i)->help);
        line("defaults", rmseg_net_list(i)->defaults);
        line("source", rmseg_net_list(i)->source);
    }
    return RMSEG_OK;
}
