/* segments.c - where the segments of a checkpointed training end: see segments.h. */
#include "nn/segments.h"

void rmseg_segments_find(int64_t *ends, const rmseg_net *net)
{
    int64_t end = net->node_count;
    for (int64_t op = net->node_count - 1; op >= 0; op--) {
        rmseg_op_kind kind = net->nodes[op].desc.kind;
        if (kind == RMSEG_OP_FORK || kind == RMSEG_OP_ADD || kind == RMSEG_OP_CONCAT) end = op + 1;
        ends[op] = end;
    }
}
