/*
 * loss/loss.h - the door of losses: all of it is public.
 */
#ifndef LOSS_LOSS_H
#define LOSS_LOSS_H

#include "rmseg/loss.h"

#endif
