/*
 * report/report.h - the door of reports: the public functions are all there is.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "rmseg/report.h"

#endif
