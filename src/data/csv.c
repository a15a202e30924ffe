/*
 * csv.c - layout csv: a table of files. The first line names the columns: image (image2, image3, ... for more channels),
 * label, split (train or test; all are train without it), case (a name; else that of the image's file).
 *
 * Cells may be in double quotes, which are doubled inside them. Paths are relative to the table's folder.
 */
#include <string.h>
#include <strings.h>

#include "data/layouts.h"

typedef enum kind { IMAGE, LABEL, SPLIT, CASE, OTHER } kind;

typedef struct table {
    char *path, *folder;
    rmseg_names cells; /* of the line being read */
    kind *columns;     /* [column_count] */
    int64_t column_count, line;
    rmseg_names ids[2]; /* of split train and of split test, to find those that are in both */
} table;

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static rmseg_status fail_line(const table *t, const char *what)
{
    return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: line %lld %s", t->path, (long long)t->line, what);
}

/* One cell, cut out in place; *at moves behind its comma. */
static char *take_cell(char **at, bool *more)
{
    char *from = *at, *to = *at, *start = *at;
    bool quoted = *from == '"';
    if (quoted) from++;
    while (*from && (quoted || *from != ',')) {
        if (quoted && *from == '"' && *++from != '"') {
            quoted = false;
            continue;
        }
        *to++ = *from++;
    }
    *more = *from == ',';
    *at = from + *more;
    *to = '\0';
    return start;
}

static rmseg_status read_cells(table *t, char *line)
{
    bool more = true;
    rmseg_names_destroy(&t->cells);
    t->cells = (rmseg_names){0};
    while (more) RMSEG_TRY(rmseg_names_add(&t->cells, take_cell(&line, &more)));
    return RMSEG_OK;
}

static kind kind_of(const char *name)
{
    if (!strncasecmp(name, "image", 5)) return IMAGE;
    if (!strcasecmp(name, "label")) return LABEL;
    if (!strcasecmp(name, "split")) return SPLIT;
    return strcasecmp(name, "case") ? OTHER : CASE;
}

static bool has_column(const table *t, kind kind)
{
    for (int64_t i = 0; i < t->column_count; i++)
        if (t->columns[i] == kind) return true;
    return false;
}

static rmseg_status read_names(table *t)
{
    t->columns = rmseg_alloc(t->cells.count, sizeof *t->columns);
    if (!t->columns) return RMSEG_ERROR_MEMORY;
    t->column_count = t->cells.count;
    for (int64_t i = 0; i < t->cells.count; i++) t->columns[i] = kind_of(t->cells.items[i]);
    if (has_column(t, IMAGE)) return RMSEG_OK;
    return fail_line(t, "names no column \"image\"; expected image,label,split");
}

/* The first cell of a kind; "" where there is none. */
static const char *cell_of(const table *t, kind kind)
{
    for (int64_t i = 0; i < t->column_count; i++)
        if (t->columns[i] == kind) return t->cells.items[i];
    return "";
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static rmseg_status find_path(char **path, const table *t, const char *cell)
{
    RMSEG_TRY(*cell == '/' ? rmseg_path_format(path, "%s", cell) : rmseg_path_format(path, "%s%s", t->folder, cell));
    if (rmseg_file_exists(*path)) return RMSEG_OK;
    rmseg_status status =
        rmseg_fail(RMSEG_ERROR_FILE, "%s: line %lld names %s, which is not there: put it there, or take the line out",
                   t->path, (long long)t->line, *path);
    rmseg_free(*path);
    return status;
}

static rmseg_status add_file(rmseg_names *files, const table *t, const char *cell)
{
    char *path = NULL;
    RMSEG_TRY(find_path(&path, t, cell));
    rmseg_status status = rmseg_names_add(files, path);
    rmseg_free(path);
    return status;
}

static rmseg_status fill_case(rmseg_case *one, const table *t, bool labels)
{
    for (int64_t i = 0; i < t->column_count; i++)
        if (t->columns[i] == IMAGE && *t->cells.items[i]) RMSEG_TRY(add_file(&one->images, t, t->cells.items[i]));
    if (*cell_of(t, LABEL)) return add_file(&one->labels, t, cell_of(t, LABEL));
    RMSEG_TRY(rmseg_path_format(&one->lacks, "line %lld of %s names no label", (long long)t->line, t->path));
    return labels ? rmseg_case_fail_lacking(one) : RMSEG_OK;
}

/* 0 train, 1 test. */
static rmseg_status find_split(int *split, const table *t)
{
    const char *name = cell_of(t, SPLIT);
    *split = !strcasecmp(name, "test");
    if (*split || !*name || !strcasecmp(name, "train")) return RMSEG_OK;
    return rmseg_fail(RMSEG_ERROR_FORMAT,
                      "%s: line %lld has the split \"%.40s\"; expected train or test (train holds validation cases out "
                      "itself, by --fold or --val-fraction)",
                      t->path, (long long)t->line, name);
}

static rmseg_status note_id(table *t, int split, const char *id)
{
    const rmseg_names *others = &t->ids[!split];
    for (int64_t i = 0; i < others->count; i++)
        if (!strcmp(others->items[i], id))
            return rmseg_fail(
                RMSEG_ERROR_FORMAT,
                "%s: case %s is in split train and in split test: what is learned from cannot judge; take "
                "it out of one",
                t->path, id);
    return rmseg_names_add(&t->ids[split], id);
}

static rmseg_status add_row(rmseg_dataset *dataset, table *t, bool labels)
{
    int split = 0;
    rmseg_case *one = NULL;
    if (t->cells.count != t->column_count)
        return rmseg_fail(RMSEG_ERROR_FORMAT, "%s: line %lld has %lld cells, but the first line names %lld columns",
                          t->path, (long long)t->line, (long long)t->cells.count, (long long)t->column_count);
    if (!*cell_of(t, IMAGE)) return fail_line(t, "names no image");
    RMSEG_TRY(find_split(&split, t));
    const char *named = cell_of(t, CASE);
    char *id = *named ? rmseg_strdup(named) : rmseg_path_stem(rmseg_path_base(cell_of(t, IMAGE)));
    rmseg_status status = !id               ? RMSEG_ERROR_MEMORY
                          : strchr(id, '/') ? fail_line(t, "names a case with a \"/\" in it")
                                            : RMSEG_OK;
    if (!status) status = note_id(t, split, id);
    bool wanted = !strcmp(dataset->split, "all") || !strcmp(dataset->split, split ? "test" : "train");
    if (!status && wanted) status = rmseg_dataset_add_case(&one, dataset, id);
    if (one) status = fill_case(one, t, labels);
    rmseg_free(id);
    return status;
}

static rmseg_status read_rows(rmseg_dataset *dataset, table *t, char *text, bool labels)
{
    if (!strncmp(text, "\xef\xbb\xbf", 3)) text += 3; /* a byte order mark */
    for (char *next = NULL; text; text = next) {
        next = strchr(text, '\n');
        if (next) *next++ = '\0';
        size_t length = strlen(text);
        if (length && text[length - 1] == '\r') text[length - 1] = '\0';
        t->line++;
        if (!*text) continue;
        RMSEG_TRY(read_cells(t, text));
        RMSEG_TRY(t->columns ? add_row(dataset, t, labels) : read_names(t));
    }
    return t->columns ? RMSEG_OK : rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the table is empty", t->path);
}

/* ---- the layout ------------------------------------------------------------------------------------------------- */

/* The root is the table, or a folder with dataset.csv in it. */
static rmseg_status find_table(table *t, const char *root)
{
    t->path = rmseg_folder_exists(root) ? rmseg_path_join(root, "dataset.csv") : rmseg_strdup(root);
    if (!t->path) return RMSEG_ERROR_MEMORY;
    t->folder = rmseg_strndup(t->path, (size_t)(rmseg_path_base(t->path) - t->path));
    return t->folder ? RMSEG_OK : RMSEG_ERROR_MEMORY;
}

static rmseg_status csv_open(rmseg_dataset *dataset, bool labels)
{
    table t = {0};
    uint8_t *bytes = NULL;
    size_t length = 0;
    rmseg_status status = find_table(&t, dataset->root);
    if (!status) status = rmseg_file_read(&bytes, &length, t.path, 1 << 28);
    if (!status) status = read_rows(dataset, &t, (char *)bytes, labels);
    rmseg_free(bytes);
    rmseg_free(t.path);
    rmseg_free(t.folder);
    rmseg_free(t.columns);
    rmseg_names_destroy(&t.cells);
    for (int i = 0; i < 2; i++) rmseg_names_destroy(&t.ids[i]);
    if (status || !dataset->count || !labels) return status;
    RMSEG_TRY(rmseg_dataset_count_classes(dataset));
    return rmseg_dataset_region_per_label(dataset);
}

const rmseg_layout rmseg_layout_csv = {
    .info =
        {
            .name = "csv",
            .help = "your own table of files, wherever they lie; classes are counted from the labels",
            .tree = "DIR/dataset.csv, or the table itself as DIR: a line \"image,label,split\", then a line a case\n"
                    "    image   path of the image, from the table's folder; image2, image3, ...: more channels\n"
                    "    label   path of the label (0 background, 1, 2, ...; or a mask of 0 and 255)\n"
                    "    split   train or test (optional: train)\n"
                    "    case    a name (optional: that of the image's file)\n",
            .defaults = "",
            .source = "your own",
        },
    .expected = "dataset.csv in it, or a table as DIR, with the columns image, label and split",
    .by_file = true,
    .open = csv_open,
    .read_label = rmseg_layout_read_label,
};
