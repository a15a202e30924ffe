/* journal.c - the rows of log.csv. */
#include "run/journal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static rmseg_status fail_write(const rmseg_journal *journal)
{
    return rmseg_fail(RMSEG_ERROR_FILE, "cannot write %s: %s; make room, then go on with --resume", journal->path,
                      strerror(errno));
}

/* A cell "PREFIXname". */
static void add_name(rmseg_text *text, const char *prefix, const char *name)
{
    rmseg_text cell = {0};
    rmseg_text_addf(&cell, "%s%s", prefix, name);
    if (cell.data) rmseg_csv_cell(text, cell.data);
    text->failed = text->failed || cell.failed;
    rmseg_text_destroy(&cell);
}

static rmseg_status make_header(rmseg_text *text, const rmseg_objective *objective, const rmseg_regions *regions)
{
    rmseg_csv_cell(text, "iteration");
    for (int64_t i = 0; i < rmseg_objective_terms(objective); i++)
        rmseg_csv_cell(text, rmseg_objective_term_name(objective, i));
    for (int64_t i = 0; i < rmseg_objective_terms(objective); i++)
        if (rmseg_objective_term_varies(objective, i))
            add_name(text, "weight ", rmseg_objective_term_name(objective, i));
    for (int64_t i = 0; i < rmseg_objective_terms(objective); i++)
        add_name(text, "share ", rmseg_objective_term_name(objective, i));
    static const char *const names[] = {"total", "gradient_norm", "lr", "seconds"};
    for (int i = 0; i < 4; i++) rmseg_csv_cell(text, names[i]);
    for (int64_t i = 0; regions && i < regions->count; i++) add_name(text, "dice_", regions->items[i].name);
    rmseg_csv_end(text);
    return text->failed ? RMSEG_ERROR_MEMORY : RMSEG_OK;
}

/* Length of the header and of the whole rows up to `iteration`. */
static size_t kept_length(const char *text, size_t header, int64_t iteration)
{
    const char *row = text + header, *end;
    while ((end = strchr(row, '\n'))) {
        char cell[24] = "";
        int64_t number;
        size_t digits = strcspn(row, ",\n");
        if (digits < sizeof cell) memcpy(cell, row, digits);
        if (!rmseg_parse_integer(&number, cell) || number > iteration) break;
        row = end + 1;
    }
    return (size_t)(row - text);
}

static rmseg_status cut_back(const char *path, const rmseg_text *header, int64_t iteration)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    RMSEG_TRY(rmseg_file_read(&bytes, &length, path, 0));
    rmseg_status status = RMSEG_OK;
    if (length < header->length || memcmp(bytes, header->data, header->length))
        status = rmseg_fail(RMSEG_ERROR_FORMAT, "%s: the first line is not the one of this training, %.*s", path,
                            (int)header->length - 1, header->data);
    else
        status = rmseg_file_write(path, bytes, kept_length((const char *)bytes, header->length, iteration));
    rmseg_free(bytes);
    return status;
}

rmseg_status rmseg_journal_open(rmseg_journal *journal, const char *run, int64_t iteration,
                                const rmseg_objective *objective, const rmseg_regions *regions)
{
    rmseg_text header = {0};
    journal->path = rmseg_path_join(run, "log.csv");
    rmseg_status status = journal->path ? make_header(&header, objective, regions) : RMSEG_ERROR_MEMORY;
    if (!status && iteration > 0 && rmseg_file_exists(journal->path))
        status = cut_back(journal->path, &header, iteration);
    else if (!status)
        status = rmseg_file_write(journal->path, header.data, header.length);
    rmseg_text_destroy(&header);
    if (status) return status;
    journal->file = fopen(journal->path, "ae");
    return journal->file ? RMSEG_OK : fail_write(journal);
}

void rmseg_journal_integer(rmseg_journal *journal, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    rmseg_csv_cell(&journal->row, text);
}

void rmseg_journal_number(rmseg_journal *journal, double value) { rmseg_csv_number(&journal->row, value); }

rmseg_status rmseg_journal_end(rmseg_journal *journal)
{
    rmseg_csv_end(&journal->row);
    if (journal->row.failed) return RMSEG_ERROR_MEMORY;
    size_t length = journal->row.length;
    journal->row.length = 0;
    journal->row.data[length] = '\0';
    return fwrite(journal->row.data, 1, length, journal->file) == length ? RMSEG_OK : fail_write(journal);
}

rmseg_status rmseg_journal_sync(rmseg_journal *journal)
{
    if (fflush(journal->file) || fsync(fileno(journal->file))) return fail_write(journal);
    return RMSEG_OK;
}

void rmseg_journal_close(rmseg_journal *journal)
{
    if (journal->file) fclose(journal->file);
    rmseg_free(journal->path);
    rmseg_text_destroy(&journal->row);
    *journal = (rmseg_journal){0};
}
