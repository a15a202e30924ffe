/*
 * core/core.h - the door of the core: everything the other rooms may use of it.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/available.h"
#include "core/error.h"
#include "core/file.h"
#include "core/level.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/npy.h"
#include "core/options.h"
#include "core/parallel.h"
#include "core/random.h"
#include "core/store.h"
#include "core/text.h"
#include "rmseg/core.h"

#endif
