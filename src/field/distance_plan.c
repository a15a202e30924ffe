/* distance_plan.c - transforms of many masks of one size in the same memory. */
#include "field/distance_transform.h"

struct rmseg_distance_plan {
    rmseg_transform transform;
    rmseg_grid grid;
};

rmseg_status rmseg_distance_plan_create(rmseg_distance_plan **plan, const int64_t size[3], bool alone)
{
    rmseg_distance_plan *p = rmseg_alloc(1, sizeof *p);
    if (!p) return RMSEG_ERROR_MEMORY;
    p->grid = (rmseg_grid){{size[0], size[1], size[2]}, {1, 1, 1}};
    p->transform.alone = alone;
    rmseg_status status = rmseg_transform_again(&p->transform, NULL, &p->grid);
    if (status == RMSEG_OK)
        *plan = p;
    else
        rmseg_distance_plan_destroy(p);
    return status;
}

void rmseg_distance_plan_destroy(rmseg_distance_plan *plan)
{
    if (plan) rmseg_transform_end(&plan->transform);
    rmseg_free(plan);
}

rmseg_status rmseg_distance_plan_run(rmseg_squares *squares, rmseg_distance_plan *plan, void *memory,
                                     const uint8_t *mask, bool set, const double spacing[3])
{
    rmseg_transform *t = &plan->transform;
    for (int axis = 0; axis < 3; axis++) plan->grid.spacing[axis] = spacing[axis];
    RMSEG_TRY(rmseg_transform_again(t, mask, &plan->grid));
    t->set = set;
    t->data = memory;
    rmseg_transform_run(t);
    *squares = (rmseg_squares){t->whole ? memory : NULL, t->whole ? NULL : memory, t->factor};
    return RMSEG_OK;
}
