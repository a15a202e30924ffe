/*
 * run/folder.h - a run's folder, and the files in it that people and other programs read.
 */
#ifndef RUN_FOLDER_H
#define RUN_FOLDER_H

#include "run/trainer.h"

/* Where --cache mmap keeps prepared cases by itself. A start that failed may leave it, and the next one finds it. */
#define RMSEG_CACHE_FOLDER "cache"

/* Refuses a folder that holds more than that, unless the options say --resume or --overwrite. */
rmseg_status rmseg_folder_check(const train_options *o);

/* Keeps other trainings out of a folder that is there, until the lock is released or the process ends. Errors: exists (a
 * training is at work in it). */
rmseg_status rmseg_folder_lock(rmseg_lock **lock, const char *run);

/* With `fresh`, a run that was there goes (its files, nothing else). What a killed process left half-written goes too.
 */
rmseg_status rmseg_folder_prepare(const char *run, bool fresh);

/* config.ini, and samples.csv where --samples asks for it. */
rmseg_status rmseg_folder_describe(const rmseg_trainer *trainer);

/* weights.safetensors: the last weights or, with --select best and once there are some, the best. */
rmseg_status rmseg_folder_weights(const rmseg_trainer *trainer);

/* run.json: what trained what on which data where, and how long it took. */
rmseg_status rmseg_folder_record(const rmseg_trainer *trainer);

#endif
