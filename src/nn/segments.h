/*
 * nn/segments.h - the parts of a network whose insides a checkpointed training makes again on the way back.
 *
 * A segment ends behind each fork, sum and concat. What one makes and another reads is kept; what lives inside one alone
 * is given up when the forward pass has left it, and made again right before the segment's backward pass. The last
 * segment is kept whole: its backward pass comes at once.
 */
#ifndef NN_SEGMENTS_H
#define NN_SEGMENTS_H

#include "nn/graph.h"

/* ends[node_count]: one past the last op of the segment of each op. */
void rmseg_segments_find(int64_t *ends, const rmseg_net *net);

#endif
