/*
 * rmseg/rmseg.h - everything a user of the C library enters.
 */
#ifndef RMSEG_RMSEG_H
#define RMSEG_RMSEG_H

#include "rmseg/backend.h"
#include "rmseg/core.h"
#include "rmseg/data.h"
#include "rmseg/field.h"
#include "rmseg/frame.h"
#include "rmseg/image.h"
#include "rmseg/loss.h"
#include "rmseg/metric.h"
#include "rmseg/nn.h"
#include "rmseg/report.h"
#include "rmseg/run.h"

#endif
