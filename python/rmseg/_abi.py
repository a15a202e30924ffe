"""The interface of librmseg_core: made from include/rmseg/*.h by tools/make_abi.py. Not to be edited."""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_uint64,
    c_void_p,
)

RMSEG_ABI_VERSION = 1
RMSEG_MOST_THREADS = 1024
RMSEG_OK = 0
RMSEG_ERROR_ARGUMENT = 1
RMSEG_ERROR_MEMORY = 2
RMSEG_ERROR_FILE = 3
RMSEG_ERROR_FORMAT = 4
RMSEG_ERROR_UNSUPPORTED = 5
RMSEG_ERROR_EXISTS = 6
RMSEG_ERROR_CANCELLED = 7
RMSEG_ERROR_NUMERIC = 8
RMSEG_ERROR_INTERNAL = 9
RMSEG_LOG_INFO = 0
RMSEG_LOG_WARNING = 1
RMSEG_HEAD_SOFTMAX = 0
RMSEG_HEAD_SIGMOID = 1
RMSEG_HEAD_NONE = 2
RMSEG_HEAD_TANH = 3
RMSEG_INDEX_I32 = 0
RMSEG_INDEX_U8 = 1
RMSEG_INDEX_I16 = 2
RMSEG_INDEX_I64 = 3
RMSEG_SIGN_FLIP_MOST = 24
RMSEG_EMPTY_NAN = 0
RMSEG_EMPTY_INF = 1
RMSEG_EMPTY_DIAGONAL = 2
RMSEG_EMPTY_ERROR = 3
RMSEG_EMPTY_TOOL = 4
RMSEG_EMPTY_VALUE = 5
RMSEG_LABEL_U8 = 0
RMSEG_LABEL_I32 = 1

rmseg_log_fn = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
rmseg_progress_fn = CFUNCTYPE(None, c_void_p, c_char_p, c_int64, c_int64, c_char_p)


class rmseg_library_info(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("version", c_char_p),
        ("purpose", c_char_p),
    ]


class rmseg_option_info(Structure):
    _fields_ = [
        ("key", c_char_p),
        ("type", c_char_p),
        ("fallback", c_char_p),
        ("choices", c_char_p),
        ("minimum", c_double),
        ("maximum", c_double),
        ("unit", c_char_p),
        ("help", c_char_p),
        ("example", c_char_p),
    ]


class rmseg_frame(Structure):
    _fields_ = [
        ("offset", c_int64 * 3),
        ("extent", c_int64 * 3),
        ("spacing", c_double * 3),
        ("whole", c_void_p),
    ]


class rmseg_loss_info(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("arguments", c_char_p),
        ("formula", c_char_p),
        ("source", c_char_p),
        ("help", c_char_p),
    ]


class rmseg_schedule_info(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("form", c_char_p),
        ("help", c_char_p),
    ]


class rmseg_batch(Structure):
    _fields_ = [
        ("n", c_int64),
        ("k", c_int64),
        ("size", c_int64 * 3),
        ("spatial", c_int),
        ("logits", c_void_p),
        ("index", c_void_p),
        ("index_type", c_int),
        ("map", c_void_p),
        ("wide", c_bool),
        ("ignore", c_int32),
        ("frames", POINTER(rmseg_frame)),
        ("progress", c_double),
    ]


class rmseg_metric_settings(Structure):
    _fields_ = [
        ("convention", c_char_p),
        ("empty", c_int),
        ("empty_value", c_double),
        ("connectivity", c_int),
        ("percentile", c_double),
        ("tolerance", c_double),
        ("directed", c_bool),
        ("axes", c_int),
        ("has_ignore", c_bool),
        ("ignore", c_int32),
        ("component_iou", c_double),
    ]


class rmseg_metric_info(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("formula", c_char_p),
        ("unit", c_char_p),
        ("source", c_char_p),
        ("surface", c_bool),
    ]


class rmseg_convention_info(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("source", c_char_p),
        ("metrics", c_char_p),
    ]


class rmseg_label_map(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("type", c_int),
    ]


class rmseg_component_pair(Structure):
    _fields_ = [
        ("truth", c_int64),
        ("prediction", c_int64),
        ("truth_voxels", c_int64),
        ("prediction_voxels", c_int64),
        ("both", c_int64),
        ("iou", c_double),
        ("note", c_char_p),
    ]


class rmseg_component_records(Structure):
    _fields_ = [
        ("pairs", POINTER(rmseg_component_pair)),
        ("values", c_void_p),
        ("count", c_int64),
        ("truths", c_int64),
        ("predictions", c_int64),
        ("matched", c_int64),
    ]


class rmseg_aggregate(Structure):
    _fields_ = [
        ("class_name", c_char_p),
        ("metric", c_char_p),
        ("n", c_int64),
        ("valid", c_int64),
        ("empty", c_int64),
        ("mean", c_double),
        ("sd", c_double),
        ("median", c_double),
        ("low", c_double),
        ("high", c_double),
    ]


class rmseg_wilcoxon(Structure):
    _fields_ = [
        ("used", c_int64),
        ("exact", c_bool),
        ("statistic", c_double),
        ("p", c_double),
    ]


# name: (result, arguments)
FUNCTIONS = {
    "rmseg_error_last": (c_char_p, []),
    "rmseg_status_name": (c_char_p, [c_int]),
    "rmseg_version": (c_char_p, []),
    "rmseg_abi_version": (c_int, []),
    "rmseg_build": (c_char_p, []),
    "rmseg_library_count": (c_int64, []),
    "rmseg_library_get": (c_int, [POINTER(rmseg_library_info), c_int64]),
    "rmseg_text_free": (None, [c_void_p]),
    "rmseg_threads": (c_int, []),
    "rmseg_threads_set": (c_int, [c_int]),
    "rmseg_cancel": (None, []),
    "rmseg_cancelled": (c_bool, []),
    "rmseg_cancel_reset": (None, []),
    "rmseg_log_set": (None, [rmseg_log_fn, c_void_p]),
    "rmseg_progress_set": (None, [rmseg_progress_fn, c_void_p]),
    "rmseg_options_define": (c_int, [POINTER(c_void_p), POINTER(rmseg_option_info), c_int64]),
    "rmseg_options_destroy": (None, [c_void_p]),
    "rmseg_options_count": (c_int64, [c_void_p]),
    "rmseg_options_info": (c_int, [POINTER(rmseg_option_info), c_void_p, c_int64]),
    "rmseg_options_set": (c_int, [c_void_p, c_char_p, c_char_p]),
    "rmseg_options_get": (c_char_p, [c_void_p, c_char_p]),
    "rmseg_options_given": (c_bool, [c_void_p, c_char_p]),
    "rmseg_nearest": (c_char_p, [c_char_p, POINTER(c_char_p), c_int64]),
    "rmseg_options_read": (c_int, [c_void_p, c_char_p]),
    "rmseg_distance_transform": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_bool]),
    "rmseg_distance_transform_squared": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "rmseg_objective_parse": (c_int, [POINTER(c_void_p), c_char_p]),
    "rmseg_objective_destroy": (None, [c_void_p]),
    "rmseg_objective_head": (c_int, [c_void_p]),
    "rmseg_head_name": (c_char_p, [c_int]),
    "rmseg_head_parse": (c_int, [c_void_p, c_char_p]),
    "rmseg_objective_terms": (c_int64, [c_void_p]),
    "rmseg_objective_term_name": (c_char_p, [c_void_p, c_int64]),
    "rmseg_objective_term_weight": (c_double, [c_void_p, c_int64]),
    "rmseg_objective_term_varies": (c_bool, [c_void_p, c_int64]),
    "rmseg_objective_wants_place": (c_bool, [c_void_p]),
    "rmseg_objective_wants_whole": (c_bool, [c_void_p]),
    "rmseg_objective_text": (c_char_p, [c_void_p]),
    "rmseg_loss_list": (POINTER(rmseg_loss_info), [c_int64]),
    "rmseg_schedule_list": (POINTER(rmseg_schedule_info), [c_int64]),
    "rmseg_objective_evaluate": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, POINTER(rmseg_batch)]),
    "rmseg_evaluator_create": (c_int, [POINTER(c_void_p), c_void_p, POINTER(rmseg_batch), c_char_p]),
    "rmseg_evaluator_run": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, POINTER(rmseg_batch)]),
    "rmseg_evaluator_destroy": (None, [c_void_p]),
    "rmseg_evaluator_weight": (c_double, [c_void_p, c_int64]),
    "rmseg_evaluator_term_gradient": (c_double, [c_void_p, c_int64, c_double, c_void_p]),
    "rmseg_evaluator_norm": (c_double, [c_void_p, c_void_p]),
    "rmseg_evaluator_shares": (c_void_p, [c_void_p, c_void_p]),
    "rmseg_evaluator_mean_weight": (c_double, [c_void_p, c_int64]),
    "rmseg_metric_settings_default": (None, [POINTER(rmseg_metric_settings)]),
    "rmseg_metric_settings_empty": (c_int, [POINTER(rmseg_metric_settings), c_char_p]),
    "rmseg_convention_list": (POINTER(rmseg_convention_info), [c_int64]),
    "rmseg_metric_list": (POINTER(rmseg_metric_info), [c_int64]),
    "rmseg_metric_find": (c_int, [POINTER(POINTER(rmseg_metric_info)), c_char_p]),
    "rmseg_metric_better": (c_int, [c_char_p]),
    "rmseg_metric_measure": (
        c_int,
        [
            c_void_p,
            POINTER(c_char_p),
            c_void_p,
            c_void_p,
            c_void_p,
            c_void_p,
            POINTER(c_char_p),
            c_int64,
            POINTER(rmseg_metric_settings),
        ],
    ),
    "rmseg_metric_measure_labels": (
        c_int,
        [
            c_void_p,
            POINTER(c_char_p),
            rmseg_label_map,
            rmseg_label_map,
            c_void_p,
            c_void_p,
            c_void_p,
            c_int64,
            POINTER(c_char_p),
            c_int64,
            POINTER(rmseg_metric_settings),
        ],
    ),
    "rmseg_metric_measure_components": (
        c_int,
        [
            POINTER(rmseg_component_records),
            rmseg_label_map,
            rmseg_label_map,
            c_void_p,
            c_void_p,
            c_void_p,
            c_int64,
            POINTER(c_char_p),
            c_int64,
            POINTER(rmseg_metric_settings),
        ],
    ),
    "rmseg_component_records_free": (None, [POINTER(rmseg_component_records)]),
    "rmseg_results_create": (c_int, [POINTER(c_void_p), POINTER(rmseg_metric_settings), c_char_p]),
    "rmseg_results_destroy": (None, [c_void_p]),
    "rmseg_results_add": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_double, c_char_p]),
    "rmseg_results_note": (c_int, [c_void_p, c_char_p, c_char_p]),
    "rmseg_results_set_run": (c_int, [c_void_p, c_char_p]),
    "rmseg_results_set_seed": (None, [c_void_p, c_int64]),
    "rmseg_results_aggregates": (c_int64, [c_void_p]),
    "rmseg_results_aggregate": (c_int, [POINTER(rmseg_aggregate), c_void_p, c_int64]),
    "rmseg_results_write_json": (c_int, [c_void_p, c_char_p]),
    "rmseg_results_write_csv": (c_int, [c_void_p, c_char_p]),
    "rmseg_wilcoxon_test": (c_int, [POINTER(rmseg_wilcoxon), c_void_p, c_int64]),
    "rmseg_sign_flip_test": (c_int, [c_void_p, c_void_p, c_int64]),
    "rmseg_bootstrap_mean": (c_int, [c_void_p, c_void_p, c_int64, c_int64, c_int64, c_uint64]),
    "rmseg_holm": (c_int, [c_void_p, c_void_p, c_int64]),
    "rmseg_cpu_level": (c_char_p, []),
    "rmseg_cpu_level_check": (c_int, []),
    "rmseg_cpu_level_list": (c_char_p, [c_int64]),
    "rmseg_cpu_level_runs": (c_bool, [c_char_p]),
}
