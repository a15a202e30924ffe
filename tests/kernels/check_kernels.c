/*
 * check_kernels - proves the kernels of a backend equal to their plain meaning.
 *
 *     check_kernels [--backend cpu] [--level v3] [--only conv2d] [--case 17] [--mode test|bitwise|accuracy]
 *                   [--conv direct] [--most 5]
 *
 *     test      every case of every family on the backend and on plain; see check.h for what must agree and how closely
 *     bitwise   every case at 1, 2, 3 and 7 threads, and run by more or fewer than it was created for: the same bits
 *     accuracy  the convolutions of both networks by Winograd's algorithm and by direct sums, against sums in double;
 *               `--only small` takes smaller inputs
 *
 * --most leaves out convolutions of more millions of multiply-adds: on an emulator each takes some 100 ns. What times
 * kernels is `rmseg bench kernels`.
 *
 * A failure prints the command that repeats it and the first place that differs. Exit: 0 all right, 1 a failure, 2
 * wrong use, 77 the level cannot run here.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define TOLERANCE 4.0 /* times eps sqrt(terms) max(magnitude, |expected|) */
#define WINOGRAD  2.0 /* times that, where Winograd's transforms round too */
#define SKIPPED   77
#define MOST      1000000 /* million multiply-adds: all cases */

typedef struct options {
    const char *backend, *level, *only, *mode;
    int64_t only_case, most;
    bool exact;
} options;

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static bool same_value(float a, float b) { return a == b || (isnan(a) && isnan(b)); }

static double root_mean_square(const result *r)
{
    double sum = 0, count = 0;
    for (int64_t i = 0; i < r->count; i++)
        if (isfinite(r->values[i])) sum += (double)r->values[i] * r->values[i], count++;
    return count > 0 ? sqrt(sum / count) : 0;
}

static void print_place(const result *r, int64_t i)
{
    const rmseg_shape *s = &r->shape;
    if (s->n == 0) {
        printf("element %lld", (long long)i);
        return;
    }
    int64_t w = i % s->w, h = i / s->w % s->h, d = i / s->w / s->h % s->d, c = i / (s->w * s->h * s->d) % s->c;
    printf("(n,c,d,h,w) = (%lld,%lld,%lld,%lld,%lld)", (long long)(i / (s->w * s->h * s->d * s->c)), (long long)c,
           (long long)d, (long long)h, (long long)w);
}

/* The largest difference as a share of what is allowed; above 1 is a failure, printed. */
static double compare(const result *got, const result *want, const check_case *c, bool rounds)
{
    bool integers = c->fill == FILL_INTEGERS, exact = integers && !rounds;
    double product = integers ? 2 : 1; /* root mean square of a product of two numbers of the fill */
    double magnitude = want->sums ? product * sqrt(want->terms) : root_mean_square(want), worst = 0;
    double eps = (rounds ? WINOGRAD : 1) * TOLERANCE * FLT_EPSILON;
    for (int64_t i = 0; i < want->count; i++) {
        float g = got->values[i], w = want->values[i];
        if (same_value(g, w)) continue;
        double allowed = exact ? 0 : eps * sqrt(want->terms) * fmax(magnitude, fabs(w));
        double difference = fabs((double)g - w), share = allowed > 0 ? difference / allowed : HUGE_VAL;
        if (!(share <= 1)) {
            printf("    %s at ", got->name);
            print_place(got, i);
            printf(": got %.9g, expected %.9g, allowed difference %.3g\n", g, w, allowed);
            return HUGE_VAL;
        }
        worst = fmax(worst, share);
    }
    return worst;
}

/* The largest share over all results; infinite when the case failed. */
static double compare_case(const results *got, const results *want, const check_case *c)
{
    double worst = 0;
    if (got->status != RMSEG_OK) {
        printf("    refused: %s\n", rmseg_error_last());
        return HUGE_VAL;
    }
    if (got->fault[0]) {
        printf("    %s\n", got->fault);
        worst = HUGE_VAL;
    }
    for (int i = 0; i < want->count; i++) worst = fmax(worst, compare(&got->items[i], &want->items[i], c, got->rounds));
    return worst;
}

/* ---- modes ------------------------------------------------------------------------------------------------------- */

static void print_failure(const options *o, const family *f, const check_case *c)
{
    char text[256];
    printf("  FAILED: %s\n  again:  check_kernels --backend %s%s%s --only %s --case %lld --mode %s%s\n",
           case_text(text, sizeof text, c), o->backend, o->level ? " --level " : "", o->level ? o->level : "", f->name,
           (long long)c->seed, o->mode, o->exact ? " --conv direct" : "");
}

static bool test_case(const options *o, const rmseg_backend *backend, const family *f, const check_case *c,
                      double *worst)
{
    results got, want;
    run_case(&want, rmseg_backend_find("plain"), c);
    run_case(&got, backend, c);
    double share = compare_case(&got, &want, c);
    bool ok = share <= 1;
    if (!ok) print_failure(o, f, c);
    *worst = fmax(*worst, share);
    results_free(&got);
    results_free(&want);
    return ok;
}

/* Whether a run gives the bits of `one`: layers created with `created` threads, run with `running`. */
static bool same_bits(const results *one, const rmseg_backend *backend, const check_case *c, int created, int running)
{
    results many;
    check_case changed = *c;
    bool same = true;
    changed.run_threads = running;
    rmseg_threads_set(created);
    run_case(&many, backend, &changed);
    for (int i = 0; i < one->count && same; i++) {
        const result *a = &one->items[i], *b = &many.items[i];
        same = memcmp(a->values, b->values, (size_t)a->count * sizeof(float)) == 0;
        if (!same)
            printf("    %s differs between 1 thread and a layer created with %d threads and run with %d\n", a->name,
                   created, running);
    }
    results_free(&many);
    return same;
}

static bool bitwise_case(const options *o, const rmseg_backend *backend, const family *f, const check_case *c,
                         double *worst)
{
    static const int threads[][2] = {{2, 2}, {3, 3}, {7, 7}, {1, 3}, {3, 1}};
    enum { ALIKE = 3 }; /* the rest, where the scratch has a part for each thread: in Winograd's algorithm */
    results one;
    bool ok = true;
    (void)worst;
    rmseg_threads_set(1);
    run_case(&one, backend, c);
    size_t count = one.rounds ? sizeof threads / sizeof *threads : ALIKE;
    for (size_t t = 0; t < count && ok; t++) ok = same_bits(&one, backend, c, threads[t][0], threads[t][1]);
    results_free(&one);
    rmseg_threads_set(0);
    if (!ok) print_failure(o, f, c);
    return ok;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

typedef bool (*case_fn)(const options *o, const rmseg_backend *backend, const family *f, const check_case *c,
                        double *worst);

static bool run_family(const options *o, const rmseg_backend *backend, const family *f, case_fn fn)
{
    case_list list = {0};
    int64_t failed = 0, done = 0;
    double worst = 0;
    if (!f->list) {
        bool ok = strcmp(o->mode, "test") != 0 || f->check(backend);
        if (strcmp(o->mode, "test") == 0) printf("%-12s %s\n", f->name, ok ? "right" : "FAILED");
        return ok;
    }
    f->list(&list);
    for (int64_t i = 0; i < list.count; i++) {
        if (o->only_case >= 0 && i != o->only_case) continue;
        if (case_multiply_adds(&list.items[i]) > o->most * 1000000) continue;
        for (int at = 0; at < list.items[i].ops; at++) list.items[i].op[at].exact = o->exact;
        done++;
        if (!fn(o, backend, f, &list.items[i], &worst)) failed++;
    }
    printf("%-12s %4lld cases, %lld failed", f->name, (long long)done, (long long)failed);
    if (strcmp(o->mode, "test") == 0 && failed == 0) printf("; largest difference %.2f of what is allowed", worst);
    printf("\n");
    free(list.items);
    return failed == 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: check_kernels [--backend cpu] [--level LEVEL] [--only FAMILY] [--case N] [--mode "
                    "test|bitwise|accuracy] [--conv direct] [--most MILLIONS]\n"
                    "families:\n");
    for (const family *f = families; f->name; f++) fprintf(stderr, "  %-12s %s\n", f->name, f->what);
    return 2;
}

static bool read_options(options *o, int count, char **words)
{
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--backend") == 0)
            o->backend = words[i + 1];
        else if (strcmp(words[i], "--level") == 0)
            o->level = words[i + 1];
        else if (strcmp(words[i], "--only") == 0)
            o->only = words[i + 1];
        else if (strcmp(words[i], "--mode") == 0)
            o->mode = words[i + 1];
        else if (strcmp(words[i], "--conv") == 0)
            o->exact = strcmp(words[i + 1], "direct") == 0;
        else if (strcmp(words[i], "--case") == 0 && rmseg_parse_integer(&o->only_case, words[i + 1]))
            continue;
        else if (strcmp(words[i], "--most") != 0 || !rmseg_parse_integer(&o->most, words[i + 1]))
            return false;
    }
    return count % 2 == 1;
}

static case_fn find_mode(const char *mode)
{
    if (strcmp(mode, "test") == 0) return test_case;
    return strcmp(mode, "bitwise") == 0 ? bitwise_case : NULL;
}

int main(int count, char **words)
{
    options o = {.backend = "cpu", .mode = "test", .only_case = -1, .most = MOST};
    if (!read_options(&o, count, words)) return usage();
    case_fn fn = find_mode(o.mode);
    bool accuracy = strcmp(o.mode, "accuracy") == 0;
    if (!fn && !accuracy) return usage();
    const rmseg_backend *backend = o.level ? rmseg_backend_at_level(o.level) : rmseg_backend_find(o.backend);
    if (!backend && o.level) {
        printf("skipped: level %s is not in this build or cannot run on this processor\n", o.level);
        return SKIPPED;
    }
    if (!backend) return usage();
    if (accuracy) return check_accuracy(backend, o.only && strcmp(o.only, "small") == 0) ? 0 : 1;
    bool ok = true, found = false;
    for (const family *f = families; f->name; f++) {
        if (o.only && strcmp(f->name, o.only) != 0) continue;
        found = true;
        ok = run_family(&o, backend, f, fn) && ok;
    }
    if (!found) return usage();
    return ok ? 0 : 1;
}
