/* Levels of processors have names; a processor is called what the system calls it. */
#include <sys/utsname.h>

#include "unit.h"

static const char path[] = RMSEG_TEST_TMP "/cpuinfo";

static void levels_are_found_by_name(void **state)
{
    (void)state;
    for (int level = 0; level < RMSEG_LEVELS; level++)
        assert_int_equal(rmseg_level_find(rmseg_level_name(level)), level);
    assert_int_equal(rmseg_level_find("v"), -1);
    assert_true(rmseg_level_runs(RMSEG_LEVEL_plain));
    assert_true(rmseg_level_runs(rmseg_level_best()));
}

static void check_name(const char *cpuinfo, const char *expected)
{
    char name[64];
    assert_ok(rmseg_file_write(path, cpuinfo, strlen(cpuinfo)));
    rmseg_processor_name(name, sizeof name, path);
    assert_string_equal(name, expected);
}

static void processors_have_names(void **state)
{
    (void)state;
    struct utsname system;
    char name[64];
    assert_int_equal(uname(&system), 0);
    check_name("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\nmodel name\t: another\n", "AMD EPYC 9R14");
    check_name("processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n",
               "ARM 0x41, part 0xd0c");
    check_name("", system.machine);
    rmseg_processor_name(name, sizeof name, RMSEG_TEST_TMP "/no-such-file");
    assert_string_equal(name, system.machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_found_by_name),
        cmocka_unit_test(processors_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
