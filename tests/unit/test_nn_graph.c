/* The U-Net's list of ops, its names, counts and sizes; what a spec and an input may be; the description. */
#include "nn/graph.h"
#include "unit.h"

static const rmseg_net_spec standard = {"unet", 2, 3, 2, 64, 4, "none", "relu", 0, false, false};

static rmseg_net *make(rmseg_net_spec spec)
{
    rmseg_net *net = NULL;
    assert_ok(rmseg_net_create(&net, &spec));
    return net;
}

static double giga_macs(const rmseg_net *net, const int64_t size[3])
{
    rmseg_op_desc *ops = rmseg_alloc(net->node_count, sizeof *ops);
    double sum = 0;
    assert_ok(rmseg_graph_shapes(ops, net, 1, size));
    for (int64_t i = 0; i < net->node_count; i++) {
        const rmseg_op_row *row = rmseg_op_row_get(ops[i].kind);
        sum += row->macs ? row->macs(&ops[i]) : 0;
    }
    rmseg_free(ops);
    return sum / 1e9;
}

static void parameters_and_work_are_those_of_the_paper(void **state)
{
    (void)state;
    rmseg_net_spec spec = standard;
    const int64_t size[3] = {1, 512, 512};
    rmseg_net *net = make(spec);
    assert_int_equal(rmseg_net_parameter_count(net), 31031810);
    assert_float_equal(giga_macs(net, size), 192.7, 0.05);
    rmseg_net_destroy(net);
    net = make((spec.norm = "batch", spec));
    assert_int_equal(rmseg_net_parameter_count(net), 31043586);
    rmseg_net_destroy(net);
    net = make((spec.width = 16, spec));
    assert_float_equal(rmseg_net_parameter_count(net) / 1e6, 1.94, 0.005);
    assert_float_equal(giga_macs(net, (const int64_t[3]){1, 256, 256}), 3.03, 0.005);
    rmseg_net_destroy(net);
}

static void check_name(const rmseg_net *net, int64_t index, const char *name, rmseg_tensor_role role, int rank)
{
    const rmseg_tensor_info *info = rmseg_net_tensor(net, index);
    assert_string_equal(info->name, name);
    assert_int_equal(info->role, role);
    assert_int_equal(info->rank, rank);
}

static void names_follow_the_module(void **state)
{
    (void)state;
    rmseg_net_spec spec = standard;
    rmseg_net *net = make((spec.norm = "batch", spec));
    assert_int_equal(rmseg_net_tensors(net), 18 * 7 + 4 * 2 + 2);
    check_name(net, 0, "down0.conv1.weight", RMSEG_ROLE_PARAMETER, 4);
    check_name(net, 1, "down0.conv1.bias", RMSEG_ROLE_PARAMETER, 1);
    check_name(net, 2, "down0.norm1.weight", RMSEG_ROLE_PARAMETER, 1);
    check_name(net, 3, "down0.norm1.bias", RMSEG_ROLE_PARAMETER, 1);
    check_name(net, 4, "down0.norm1.running_mean", RMSEG_ROLE_STATE, 1);
    check_name(net, 5, "down0.norm1.running_var", RMSEG_ROLE_STATE, 1);
    check_name(net, 6, "down0.norm1.num_batches_tracked", RMSEG_ROLE_COUNTER, 0);
    check_name(net, 7, "down0.conv2.weight", RMSEG_ROLE_PARAMETER, 4);
    check_name(net, 14 * 4, "bottom.conv1.weight", RMSEG_ROLE_PARAMETER, 4);
    check_name(net, 14 * 5, "up3.up.weight", RMSEG_ROLE_PARAMETER, 4);
    check_name(net, rmseg_net_tensors(net) - 1, "head.bias", RMSEG_ROLE_PARAMETER, 1);
    assert_null(rmseg_net_tensor(net, rmseg_net_tensors(net)));
    assert_null(rmseg_net_tensor(net, -1));
    const int64_t first[4] = {64, 3, 3, 3}, up[4] = {1024, 512, 2, 2};
    assert_memory_equal(rmseg_net_tensor(net, 0)->dims, first, sizeof first);
    assert_memory_equal(rmseg_net_tensor(net, 14 * 5)->dims, up, sizeof up);
    rmseg_net_destroy(net);
}

static const rmseg_net_spec left_atrium = {"vnet", 3, 1, 2, 16, 4, "batch", "relu", 0.5, false, false};

static void the_vnet_is_that_of_ua_mt(void **state)
{
    (void)state;
    rmseg_net_spec spec = left_atrium;
    rmseg_net *net = make(spec);
    assert_int_equal(rmseg_net_parameter_count(net), 9448866);
    assert_float_equal(giga_macs(net, (const int64_t[3]){112, 112, 80}), 40.1, 0.05);
    assert_int_equal(rmseg_net_tensors(net), 29 * 7 + 2);
    check_name(net, 0, "block_one.conv.0.weight", RMSEG_ROLE_PARAMETER, 5);
    check_name(net, 2, "block_one.conv.1.weight", RMSEG_ROLE_PARAMETER, 1);
    check_name(net, 6, "block_one.conv.1.num_batches_tracked", RMSEG_ROLE_COUNTER, 0);
    check_name(net, 7, "block_one_dw.conv.0.weight", RMSEG_ROLE_PARAMETER, 5);
    check_name(net, 7 * 3, "block_two.conv.3.weight", RMSEG_ROLE_PARAMETER, 5);
    check_name(net, 7 * 3 + 4, "block_two.conv.4.running_mean", RMSEG_ROLE_STATE, 1);
    check_name(net, 7 * 16, "block_five_up.conv.0.weight", RMSEG_ROLE_PARAMETER, 5);
    check_name(net, 7 * 29, "out_conv.weight", RMSEG_ROLE_PARAMETER, 5);
    const int64_t down[5] = {32, 16, 2, 2, 2}, up[5] = {256, 128, 2, 2, 2};
    assert_memory_equal(rmseg_net_tensor(net, 7)->dims, down, sizeof down);
    assert_memory_equal(rmseg_net_tensor(net, 7 * 16)->dims, up, sizeof up);
    rmseg_net_destroy(net);
    net = make((spec.norm = "none", spec));
    check_name(net, 2, "block_one_dw.conv.0.weight", RMSEG_ROLE_PARAMETER, 5);
    check_name(net, 6, "block_two.conv.2.weight", RMSEG_ROLE_PARAMETER, 5);
    rmseg_net_destroy(net);
    assert_fails(rmseg_net_create(&net, (spec.depth = 3, &spec)), RMSEG_ERROR_ARGUMENT, "depth is 3; a V-Net");
}

static void norms_have_the_groups_that_fit(void **state)
{
    (void)state;
    const struct {
        const char *norm;
        int64_t width, groups[2]; /* of the first level and the second */
    } cases[] = {{"group", 16, {16, 16}}, {"group", 5, {5, 10}}, {"group", 17, {1, 2}}, {"instance", 24, {24, 48}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rmseg_net_spec spec = left_atrium;
        spec.norm = cases[i].norm, spec.width = cases[i].width;
        rmseg_net *net = make(spec);
        for (int64_t op = 0, level = 0; level < 2; op++)
            if (net->nodes[op].desc.kind == RMSEG_OP_GROUP_NORM)
                assert_int_equal(net->nodes[op].desc.groups, cases[i].groups[level++]);
        rmseg_net_destroy(net);
    }
}

static void shapes_have_depth_in_3d(void **state)
{
    (void)state;
    int64_t divisor[3];
    rmseg_net *net = make((rmseg_net_spec){"unet", 3, 1, 2, 8, 2, "none", "relu", 0, false, false});
    const int64_t first[5] = {8, 1, 3, 3, 3};
    assert_int_equal(rmseg_net_tensor(net, 0)->rank, 5);
    assert_memory_equal(rmseg_net_tensor(net, 0)->dims, first, sizeof first);
    rmseg_net_divisor(divisor, net);
    assert_true(divisor[0] == 4 && divisor[1] == 4 && divisor[2] == 4);
    rmseg_net_destroy(net);
    net = make(standard);
    rmseg_net_divisor(divisor, net);
    assert_true(divisor[0] == 1 && divisor[1] == 16 && divisor[2] == 16);
    rmseg_net_destroy(net);
}

static void check_readers(rmseg_net_spec spec)
{
    rmseg_net *net = make(spec);
    int64_t *readers = rmseg_alloc(net->edge_count, sizeof *readers);
    for (int64_t op = 0; op < net->node_count; op++)
        for (int i = 0; i < rmseg_op_row_get(net->nodes[op].desc.kind)->inputs; i++) {
            int64_t tensor = net->nodes[op].in[i];
            readers[tensor]++;
            assert_int_equal(net->edges[tensor].consumer, op);
            assert_true(net->edges[tensor].producer < op);
        }
    for (int64_t tensor = 0; tensor < net->edge_count; tensor++)
        assert_int_equal(readers[tensor], tensor != net->nodes[net->node_count - 1].out[0]);
    rmseg_free(readers);
    rmseg_net_destroy(net);
}

static void every_tensor_has_one_reader(void **state)
{
    (void)state;
    rmseg_net_spec spec = standard;
    check_readers((spec.dropout = 0.5, spec));
    check_readers(left_atrium);
    check_readers((spec = left_atrium, spec.norm = "none", spec));
}

static void convolutions_know_what_they_feed(void **state)
{
    (void)state;
    rmseg_net_spec spec = standard;
    rmseg_net *net = make((spec.norm = "batch", spec));
    for (int64_t op = 0; op < net->node_count; op++) {
        const rmseg_op_desc *desc = &net->nodes[op].desc;
        bool before_norm = op + 1 < net->node_count && net->nodes[op + 1].desc.kind == RMSEG_OP_NORM;
        assert_int_equal(desc->feeds_norm, before_norm);
        assert_int_equal(desc->first, op == 0);
    }
    rmseg_net_destroy(net);
}

static void wrong_specs_are_told(void **state)
{
    (void)state;
    rmseg_net *net = NULL;
    rmseg_net_spec s = standard;
    assert_fails(rmseg_net_create(&net, (s.net = "u-net", &s)), RMSEG_ERROR_ARGUMENT,
                 "net is \"u-net\"; expected one of: unet, vnet");
    assert_fails(rmseg_net_create(&net, (s = standard, s.norm = "layer", &s)), RMSEG_ERROR_ARGUMENT,
                 "none, batch, instance, group");
    assert_fails(rmseg_net_create(&net, (s = standard, s.activation = "", &s)), RMSEG_ERROR_ARGUMENT,
                 "relu, leaky-relu");
    assert_fails(rmseg_net_create(&net, (s = standard, s.activation = NULL, &s)), RMSEG_ERROR_ARGUMENT, "activation");
    assert_fails(rmseg_net_create(&net, (s = standard, s.spatial = 4, &s)), RMSEG_ERROR_ARGUMENT, "spatial axes is 4");
    assert_fails(rmseg_net_create(&net, (s = standard, s.width = 0, &s)), RMSEG_ERROR_ARGUMENT, "width");
    assert_fails(rmseg_net_create(&net, (s = standard, s.width = INT64_MAX, &s)), RMSEG_ERROR_ARGUMENT, "width");
    assert_fails(rmseg_net_create(&net, (s = standard, s.depth = 60, &s)), RMSEG_ERROR_ARGUMENT, "depth is 60");
    assert_fails(rmseg_net_create(&net, (s = standard, s.in_channels = 0, &s)), RMSEG_ERROR_ARGUMENT, "input channels");
    assert_fails(rmseg_net_create(&net, (s = standard, s.out_channels = -1, &s)), RMSEG_ERROR_ARGUMENT,
                 "output channels");
    assert_fails(rmseg_net_create(&net, (s = standard, s.dropout = 1, &s)), RMSEG_ERROR_ARGUMENT, "dropout is 1");
    assert_null(net);
}

static void check_misfit(const rmseg_net *net, int64_t d, int64_t h, int64_t w, const char *words)
{
    assert_fails(rmseg_net_check_input(net, 1, (const int64_t[3]){d, h, w}), RMSEG_ERROR_ARGUMENT, words);
}

static void sizes_that_do_not_fit_are_told_with_those_that_do(void **state)
{
    (void)state;
    rmseg_net *net = make(standard);
    assert_ok(rmseg_net_check_input(net, 4, (const int64_t[3]){1, 256, 48}));
    check_misfit(net, 1, 250, 256, "multiple of 16; the nearest that work are 240 x 256 and 256 x 256");
    check_misfit(net, 1, 7, 16, "the nearest that works is 16 x 16");
    check_misfit(net, 1, 0, 16, "an extent of the input is 0");
    check_misfit(net, 1, 16, -16, "an extent of the input is -16");
    check_misfit(net, 2, 16, 16, "2 slices");
    assert_fails(rmseg_net_check_input(net, 0, (const int64_t[3]){1, 16, 16}), RMSEG_ERROR_ARGUMENT,
                 "samples in a batch is 0");
    rmseg_net_destroy(net);
    net = make((rmseg_net_spec){"unet", 3, 1, 2, 8, 2, "none", "relu", 0, false, false});
    check_misfit(net, 5, 8, 9, "the nearest that work are 4 x 8 x 8 and 8 x 8 x 12");
    rmseg_net_destroy(net);
}

static void nets_are_listed(void **state)
{
    (void)state;
    assert_string_equal(rmseg_net_list(0)->name, "unet");
    int64_t count = 0;
    while (rmseg_net_list(count)) count++;
    assert_true(count >= 1);
    assert_null(rmseg_net_list(-1));
}

static void check_description(const char *path, const rmseg_net_spec *spec, int64_t batch, const int64_t size[3])
{
    char *text = NULL;
    uint8_t *golden = NULL;
    size_t length = 0;
    setenv("RMSEG_CPU", "plain", 1);
    assert_ok(rmseg_net_describe(&text, spec, batch, size, true, false));
    if (getenv("RMSEG_RECORD")) assert_ok(rmseg_file_write(path, text, strlen(text)));
    assert_ok(rmseg_file_read(&golden, &length, path, 0));
    assert_string_equal(text, (const char *)golden);
    rmseg_free(golden);
    rmseg_text_free(text);
}

static void descriptions_are_the_golden_ones(void **state)
{
    (void)state;
    rmseg_net_spec spec = {"unet", 2, 3, 2, 16, 4, "batch", "relu", 0.5, false, false};
    char *text = NULL;
    check_description(RMSEG_GOLDEN "/unet/describe.txt", &spec, 4, (const int64_t[3]){1, 256, 256});
    check_description(RMSEG_GOLDEN "/unet/describe_vnet.txt", &left_atrium, 1, (const int64_t[3]){112, 112, 80});
    assert_fails(rmseg_net_describe(&text, &spec, 4, (const int64_t[3]){1, 250, 250}, true, false),
                 RMSEG_ERROR_ARGUMENT, "240 x 240");
}

static void an_exact_net_keeps_to_direct_sums(void **state)
{
    (void)state;
    rmseg_net_spec spec = {"unet", 2, 3, 2, 16, 4, "batch", "relu", 0, .exact = true};
    const int64_t size[3] = {1, 256, 256};
    char *text = NULL;
    setenv("RMSEG_CPU", "", 1);
    assert_ok(rmseg_net_describe(&text, &spec, 4, size, true, false));
    assert_null(strstr(text, "Winograd"));
    rmseg_text_free(text);
    spec.exact = false;
    assert_ok(rmseg_net_describe(&text, &spec, 4, size, true, false));
    assert_non_null(strstr(text, "Winograd"));
    rmseg_text_free(text);
}

static void running_out_of_memory_is_told_and_nothing_leaks(void **state)
{
    (void)state;
    rmseg_net *net = NULL;
    int64_t before = rmseg_memory_stats_get().live_bytes;
    rmseg_status status = RMSEG_ERROR_MEMORY;
    for (int64_t n = 1; status != RMSEG_OK; n++) {
        rmseg_memory_fail_at(n);
        status = rmseg_net_create(&net, &standard);
        if (status == RMSEG_OK) break;
        assert_int_equal(status, RMSEG_ERROR_MEMORY);
        assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
    }
    rmseg_memory_fail_at(0);
    rmseg_net_destroy(net);
    rmseg_net_destroy(NULL);
    assert_int_equal(rmseg_memory_stats_get().live_bytes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_work_are_those_of_the_paper),
        cmocka_unit_test(names_follow_the_module),
        cmocka_unit_test(the_vnet_is_that_of_ua_mt),
        cmocka_unit_test(norms_have_the_groups_that_fit),
        cmocka_unit_test(shapes_have_depth_in_3d),
        cmocka_unit_test(every_tensor_has_one_reader),
        cmocka_unit_test(convolutions_know_what_they_feed),
        cmocka_unit_test(wrong_specs_are_told),
        cmocka_unit_test(sizes_that_do_not_fit_are_told_with_those_that_do),
        cmocka_unit_test(nets_are_listed),
        cmocka_unit_test(descriptions_are_the_golden_ones),
        cmocka_unit_test(an_exact_net_keeps_to_direct_sums),
        cmocka_unit_test(running_out_of_memory_is_told_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
