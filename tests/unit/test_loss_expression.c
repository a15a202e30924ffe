/*
 * test_loss_expression.c - the language of objectives: what it accepts, what it says of what it refuses.
 */
#include <math.h>

#include "loss/loss.h"
#include "unit.h"

/* One term's name, weight and the whole canonical text. */
static void check_text(const char *expression, const char *expected)
{
    rmseg_objective *o, *again;
    assert_ok(rmseg_objective_parse(&o, expression));
    assert_string_equal(rmseg_objective_text(o), expected);
    assert_ok(rmseg_objective_parse(&again, rmseg_objective_text(o)));
    assert_string_equal(rmseg_objective_text(again), expected);
    rmseg_objective_destroy(again);
    rmseg_objective_destroy(o);
}

#define RM_DEFAULTS "center=paper, scale=1, reduction=mean, frame=patch, channels=fg, units=fraction)"

static void test_canonical_text(void **state)
{
    (void)state;
    check_text("ce", "softmax: 1*ce(reduction=mean)");
    check_text("  sigmoid :ce*2", "sigmoid: 2*ce(reduction=mean)");
    check_text("none: -ce", "none: -1*ce(reduction=mean)");
    check_text("ce - 1e-2*mse(reduction=sum)", "softmax: 1*ce(reduction=mean) - 0.01*mse(center=paper, scale=1, "
                                               "reduction=sum, frame=patch, channels=fg, units=fraction)");
    check_text("softmax: rm( 2 , 0 )", "softmax: 1*rm(2,0; " RM_DEFAULTS);
    check_text("rm(2,0,3;center=exact)",
               "softmax: 1*rm(2,0,3; center=exact, scale=1, reduction=mean, frame=patch, channels=fg, units=fraction)");
    check_text("dice", "softmax: 1*dice(variant=ua-mt, channels=fg, batch=true, squared_pred=true, jaccard=false, "
                       "smooth_nr=1e-05, smooth_dr=1e-05, reduction=mean, soft_label=false)");
    check_text("dice(variant=monai)",
               "softmax: 1*dice(variant=monai, channels=all, batch=false, squared_pred=false, "
               "jaccard=false, smooth_nr=1e-05, smooth_dr=1e-05, reduction=mean, soft_label=false)");
    check_text(
        "dice(variant=nnunet, batch=false)",
        "softmax: 1*dice(variant=nnunet, channels=fg, batch=false, "
        "squared_pred=false, jaccard=false, smooth_nr=1e-05, smooth_dr=1e-05, reduction=mean, soft_label=false)");
    check_text("dice(smooth=1, smooth-nr=0, include_background=true)",
               "softmax: 1*dice(variant=ua-mt, channels=all, include_background=true, batch=true, squared_pred=true, "
               "jaccard=false, smooth=1, smooth_nr=0, smooth_dr=1, reduction=mean, soft_label=false)");
    check_text("ce(weights=1+0.5)", "softmax: 1*ce(weights=1+0.5, reduction=mean)");
}

/* A ce as canonical texts write it. */
#define CE "ce(reduction=mean)"

static void test_text_of_schedules(void **state)
{
    (void)state;
    check_text("a*ce + (1-a)*ce, a = ramp(1 -> 0.01 by 2%)",
               "softmax: a*" CE " + (1 - a)*" CE ", a = ramp(1 -> 0.01 from 0 by 0.02)");
    check_text("cosine(1->-2 from 10%by .9)*2*ce", "softmax: cosine(1 -> -2 from 0.1 by 0.9)*2*" CE);
    check_text("exponential(1 -> 1e-3)*(ce - 2*ce)",
               "softmax: exponential(1 -> 0.001 from 0 by 1)*" CE " + exponential(1 -> 0.001 from 0 by 1)*-2*" CE);
    check_text("step(1, 10% at 25%, 0 at 0.5)*ce", "softmax: step(1, 0.1 at 0.25, 0 at 0.5)*" CE);
    check_text("ce + share(10%)*(ce - 3*ce)",
               "softmax: 1*" CE " + share1*" CE " + share1*-3*" CE ", share1 = share(0.1)");
    check_text("ce + share1*ce + share(2)*ce, share1 = 2*share(0.5)",
               "softmax: 1*" CE " + share1*" CE " + share2*" CE ", share1 = 2*share(0.5), share2 = share(2)");
    check_text("-(-(a*b))*ce - b*(a*ce) - -(a+b)*ce, a = 1 - ramp(0->1), b = 2*(a - (a - 1))*3",
               "softmax: a*b*" CE " + -(b*a)*" CE " + (a + b)*" CE
               ", a = 1 - ramp(0 -> 1 from 0 by 1), b = 2*(a - (a - 1))*3");
    check_text("2*a*ce + a*a*ce, a = 0.5", "softmax: 2*a*" CE " + a*a*" CE ", a = 0.5");
}

static void test_groups_and_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        double weight[3];
    } rows[] = {
        {"0.5*(ce + dice) + mse", {0.5, 0.5, 1}},
        {"ce - (dice - mse)", {1, -1, 1}},
        {"2*3*(ce - 2*(dice + 0.5*mse))", {6, -12, -6}},
        {"(1 - 0.3)*ce + -dice*1e-3 + mse*(2*(1+1))", {0.7, -1e-3, 4}},
        {"ce+dice+0*mse", {1, 1, 0}},
        {"ce - -dice + .5E+1*mse", {1, 1, 5}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rmseg_objective *o;
        assert_ok(rmseg_objective_parse(&o, rows[i].expression));
        assert_int_equal(rmseg_objective_terms(o), 3);
        for (int64_t t = 0; t < 3; t++)
            if (!(rmseg_objective_term_weight(o, t) - rows[i].weight[t] < 1e-15 &&
                  rmseg_objective_term_weight(o, t) - rows[i].weight[t] > -1e-15))
                fail_msg("%s: term %lld has weight %g", rows[i].expression, (long long)t,
                         rmseg_objective_term_weight(o, t));
        rmseg_objective_destroy(o);
    }
}

static void test_names_are_unique(void **state)
{
    (void)state;
    rmseg_objective *o;
    assert_ok(rmseg_objective_parse(&o, "rm(2,0) + rm(2,0; reduction=sum) + rm(2,0) + rm(2,0) + dice(smooth_nr=0)"));
    static const char *const names[] = {"rm(2,0)", "rm(2,0; reduction=sum)", "rm(2,0)#2", "rm(2,0)#3",
                                        "dice(smooth_nr=0)"};
    for (int64_t i = 0; i < 5; i++) assert_string_equal(rmseg_objective_term_name(o, i), names[i]);
    assert_null(rmseg_objective_term_name(o, 5));
    rmseg_objective_destroy(o);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *says;
    } rows[] = {
        {"", "column 1: the expression ends where a term, a number or '(' was expected"},
        {"softmax:", "column 9: the expression ends"},
        {"softmax: ce + dise", "column 15: there is no term 'dise'; did you mean 'dice'?"},
        {"softmax: ce + abacus",
         "column 15: there is no term 'abacus'; there are ce, dice, jaccard, tversky, focal, mse, rm, "},
        {"softmx: ce", "column 1: there is no head 'softmx'"},
        {"softmx: ce", "softmax"},
        {"ce + ", "column 6: the expression ends"},
        {"ce ce", "column 4: found 'c' where '+', '-', '*' or the end was expected"},
        {"ce + + dice", "column 6: found '+' where a term, a number or '(' was expected"},
        {"(ce + dice", "column 11: the expression ends where '+', '-', '*' or ')' was expected"},
        {"ce)", "column 3: found ')'"},
        {"ce*dice", "column 3: two terms cannot be multiplied"},
        {"ce + 2", "column 4: a number and a term cannot be added"},
        {"2*3", "column 1: a number alone is no objective"},
        {"1.2.3*ce", "column 1: '1.2.3' is not a finite number"},
        {"1e999*ce", "column 1: '1e999' is not a finite number"},
        {"1e300*1e300*ce", "column 6: the product is beyond the range of numbers"},
        {"1e300*(1e300*ce)", "column 6: the product is beyond the range of numbers"},
        {"a*ce", "column 1: there is no term 'a'"},
        {"a*ce, a = ramp(1 -> 0", "column 22: the expression ends where ')' was expected"},
        {"a*ce, a = ramp(1, 0)", "column 17: found ',' where '->' and the last value was expected"},
        {"a*ce, a = ramp(1 -> 0 by 120%)", "column 26: a time is a share of the training, from 0 to 1 or 0% to 100%"},
        {"a*ce, a = ramp(1 -> 0 from 20% by 10%)", "column 16: the schedule goes from 0.2 to 0.1 of the training"},
        {"exponential(1 -> 0)*ce", "column 13: exponential(1 -> 0): both values are to have one sign"},
        {"step(1, 2)*ce", "column 10: found ')' where 'at' and a share of the training was expected"},
        {"step(1, 2 at 50%, 3 at 20%)*ce", "column 23: steps are to be in the order of their times"},
        {"step(1, 2 at 0)*ce", "column 13: steps are to be in the order"},
        {"a*ce, a = dice", "column 7: 'a' is to be a number, not a term"},
        {"a*ce, a = 1, a = 2", "column 14: the name 'a' is defined twice"},
        {"ce, a = 1", "column 5: 'a' is defined but weighs nothing"},
        {"a*ce, a = b, b = 1", "column 11: there is no term 'b'"},
        {"dice*ce, dice = 1", "column 10: the name 'dice' is taken by a term; choose another"},
        {"ce, ramp = 1", "the name 'ramp' is taken by a schedule"},
        {"ce,", "column 4: the expression ends where a name and its value, as in a = ramp(1 -> 0 by 50%) was expected"},
        {"ce, a 1", "column 7: found '1' where '=' was expected"},
        {"a*ce, a = 1 2", "column 13: found '2' where ',', '+', '-', '*' or the end was expected"},
        {"share(10%)*ce", "every term has a share()"},
        {"ce + share(0)*dice", "column 12: a share is above 0"},
        {"ce + (1 - share(10%))*dice", "column 9: a share can only be a factor of terms and numbers"},
        {"ce + share(10%)*share(10%)*dice", "a share can only be a factor"},
        {"ce + share(10%)*(share(5%)*dice)", "a share can only be a factor"},
        {"rm", "column 1: rm needs its orders"},
        {"rm(reduction=sum)", "column 1: rm needs its orders"},
        {"rm(2)", "column 4: rm takes one order per axis, 2 in 2D and 3 in 3D; found 1"},
        {"rm(1,2,3,4)", "found 4"},
        {"rm(2,0.5)", "column 6: an order is a whole number from 0 to 20"},
        {"rm(2,-1)", "column 6: found '-' where an order (a whole number) was expected"},
        {"rm(2,21)", "column 6: an order is a whole number"},
        {"rm(2,0, reduction=sum)", "column 9: found 'r' where an order"},
        {"rm(2,0; reduction=summ)", "column 9: option reduction: got \"summ\", expected one of mean|sum|batchmean"},
        {"rm(2,0; scale=3)", "expected one of 1|2"},
        {"rm(2,0; reducton=sum)", "column 9: rm has no option 'reducton'; did you mean 'reduction'?"},
        {"rm(2,0; x=1)", "rm has no option 'x'; there are center, scale, reduction, frame, channels, weights, units"},
        {"rm(2,0; scale=1, scale=2)", "column 18: option scale is given twice"},
        {"rm(2,0; channels=1+)", "channels=1+: expected fg, all, or channels such as 1+2"},
        {"dice(2)", "column 6: found '2' where an option (name=value) was expected"},
        {"dice(variant monai)", "column 14: found 'm' where '=' and the option's value was expected"},
        {"dice(variant=)", "column 14: found ')' where the option's value was expected"},
        {"dice(smooth=0)", "option smooth"},
        {"dice(channels=all, include_background=false)", "include_background=false contradicts channels=all"},
        {"ce(weights=1+-2)", "weights=1+-2: expected numbers of at least 0"},
        {"ce(weights=1;2)", "found ';' where ',' or ')' was expected"},
        {"ce + \x01", "column 6: found '?'"},
        {"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((ce))))))", "nested more than 64 deep"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rmseg_objective *o = NULL;
        rmseg_status status = rmseg_objective_parse(&o, rows[i].expression);
        if (status != RMSEG_ERROR_ARGUMENT || !strstr(rmseg_error_last(), rows[i].says))
            fail_msg("\"%s\": status %s, \"%s\"\nis expected to say \"%s\"", rows[i].expression,
                     rmseg_status_name(status), rmseg_error_last(), rows[i].says);
        assert_null(o);
    }
    rmseg_objective *o;
    assert_fails(rmseg_objective_parse(&o, NULL), RMSEG_ERROR_ARGUMENT, "no expression was given");
}

/* A long expression's error repeats the part around the place, and still says the column. */
static void test_long_expression(void **state)
{
    (void)state;
    char expression[4096] = "ce";
    for (int i = 0; i < 500; i++) strcat(expression, " + ce");
    strcat(expression, " + dyce");
    rmseg_objective *o;
    assert_fails(rmseg_objective_parse(&o, expression), RMSEG_ERROR_ARGUMENT,
                 "column 2506: there is no term 'dyce'; did you mean 'dice'?");
    expression[strlen(expression) - 7] = 0;
    assert_ok(rmseg_objective_parse(&o, expression));
    assert_int_equal(rmseg_objective_terms(o), 501);
    assert_string_equal(rmseg_objective_term_name(o, 500), "ce#501");
    rmseg_objective_destroy(o);
}

static void test_heads(void **state)
{
    (void)state;
    for (rmseg_head head = RMSEG_HEAD_SOFTMAX; head <= RMSEG_HEAD_TANH; head++) {
        rmseg_head read;
        assert_ok(rmseg_head_parse(&read, rmseg_head_name(head)));
        assert_int_equal(read, head);
    }
    rmseg_head read;
    assert_fails(rmseg_head_parse(&read, "tan"), RMSEG_ERROR_ARGUMENT,
                 "expected softmax, sigmoid, tanh or none (nearest: tanh)");
}

/* What `rmseg losses` shows: every column is there, and every row's plain form parses. */
static void test_list(void **state)
{
    (void)state;
    const rmseg_loss_info *info;
    int64_t count = 0;
    for (; (info = rmseg_loss_list(count)); count++) {
        assert_true(*info->name && *info->arguments && *info->formula && *info->source && *info->help);
        char expression[64];
        rmseg_objective *o;
        snprintf(expression, sizeof expression, "%s%s", info->name, strncmp(info->arguments, "q1", 2) ? "" : "(1,0)");
        assert_ok(rmseg_objective_parse(&o, expression));
        rmseg_objective_destroy(o);
    }
    assert_true(count >= 4);
    assert_null(rmseg_loss_list(-1));
}

/* Every failing allocation is reported, and leaks nothing. */
static void test_out_of_memory(void **state)
{
    (void)state;
    int64_t live = rmseg_memory_stats_get().live_bytes;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    int64_t failed = 0;
    for (int64_t n = 1; status != RMSEG_OK; n++, failed++) {
        rmseg_objective *o = NULL;
        rmseg_memory_fail_at(n);
        status =
            rmseg_objective_parse(&o, "sigmoid: 0.5*(ce + dice(smooth=1, variant=monai)) + a*rm(2,0; reduction=sum) + "
                                      "share(1%)*mse, a = 1 - step(0, 1 at 2%)");
        rmseg_memory_fail_at(0);
        if (status != RMSEG_OK) assert_int_equal(status, RMSEG_ERROR_MEMORY);
        rmseg_objective_destroy(o);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
        rmseg_memory_fail_at(n);
        status = status == RMSEG_OK ? RMSEG_OK : RMSEG_ERROR_MEMORY;
        assert_int_not_equal(rmseg_objective_parse(&o, "ce + dyce"), RMSEG_OK);
        rmseg_memory_fail_at(0);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, live);
    }
    assert_true(failed > 20);
}

/* One divisor: half of two terms of a channel each; and a mean weight over both. */
static void check_one_divisor(const rmseg_batch *batch)
{
    rmseg_objective *o;
    rmseg_evaluator *e;
    double total, terms[3];
    assert_ok(rmseg_objective_parse(
        &o, "rm(1,0 / 0,2; channels=2+1, weights=3+1) + rm(1,0; channels=2) + rm(0,2; channels=1)"));
    assert_ok(rmseg_evaluator_create(&e, o, batch, NULL));
    assert_ok(rmseg_evaluator_run(e, &total, terms, NULL, batch));
    assert_true(fabs(terms[0] - (3 * terms[1] + terms[2]) / 2) < 1e-12);
    double both = rmseg_evaluator_mean_weight(e, 0), one = rmseg_evaluator_mean_weight(e, 1),
           other = rmseg_evaluator_mean_weight(e, 2);
    assert_true(one != other && fabs(both - (one + other) / 2) < 1e-12);
    rmseg_evaluator_destroy(e);
    rmseg_objective_destroy(o);
}

/* Orders of their own for each channel. */
static void test_orders_for_each_channel(void **state)
{
    (void)state;
    float logits[3 * 4] = {0};
    uint8_t index[4] = {0, 1, 2, 0};
    rmseg_batch batch = {.n = 1,
                         .k = 3,
                         .size = {1, 2, 2},
                         .spatial = 2,
                         .logits = logits,
                         .index = index,
                         .index_type = RMSEG_INDEX_U8,
                         .ignore = -1};
    rmseg_objective *o;
    double total;
    assert_ok(rmseg_objective_parse(&o, "rm( 2,0/0,2 ;channels=2+1)"));
    assert_string_equal(rmseg_objective_term_name(o, 0), "rm(2,0 / 0,2; channels=2+1)");
    check_one_divisor(&batch);
    assert_ok(rmseg_objective_evaluate(&total, NULL, NULL, o, &batch));
    rmseg_objective_destroy(o);
    assert_ok(rmseg_objective_parse(&o, "moment(2,0 / 0,2 / 1,1)"));
    assert_fails(rmseg_objective_evaluate(&total, NULL, NULL, o, &batch), RMSEG_ERROR_ARGUMENT,
                 "found 3 lists of orders for 2 channels; expected one for all, or one for each of channels=fg");
    rmseg_objective_destroy(o);
    assert_fails(rmseg_objective_parse(&o, "rm(2,0 / 0,2,1)"), RMSEG_ERROR_ARGUMENT,
                 "column 10: 2 orders stand before, 3 here: one for each axis, as in rm(2,0 / 0,2)");
    assert_fails(rmseg_objective_parse(&o, "rm(2,0 | 0,2)"), RMSEG_ERROR_ARGUMENT,
                 "column 8: rm takes no sum of orders: write rm(2,0) + rm(0,2)");
    assert_fails(rmseg_objective_parse(&o, "wmse(2,0 / 0,2)"), RMSEG_ERROR_ARGUMENT,
                 "column 10: wmse takes no orders for one channel each");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_text_of_schedules),
        cmocka_unit_test(test_groups_and_numbers),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_long_expression),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_orders_for_each_channel),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
