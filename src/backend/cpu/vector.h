/*
 * backend/cpu/vector.h - what a processor level is: the width of its vectors and how many fit in its registers.
 *
 * GNU vectors only: the compiler knows the instructions. A file that includes this is compiled once per level, with
 * that level's flags, and RMSEG_LEVEL (v2, v3, v4, neon, native) in its exported names.
 */
#ifndef BACKEND_CPU_VECTOR_H
#define BACKEND_CPU_VECTOR_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/winograd.h"

/* The channels of a block. Kernels are compiled a second time with RMSEG_HALF, for tensors of 5 to 8 channels. */
#ifdef RMSEG_HALF
#define BLOCK HALF
#else
#define BLOCK LINE
#endif

/* PIXELS x VECTORS are the sums of the microkernel: they, one pixel's weights and a factor fill the registers. */
#if defined(__AVX512F__)
#define LANES  BLOCK
#define PIXELS 16 /* of 32 registers; a power of two, as the widths of images are */
#elif defined(__AVX2__) && defined(__FMA__)
#define LANES  8
#define PIXELS (12 / VECTORS)
#elif defined(__aarch64__)
#define LANES  4
#define PIXELS (24 / VECTORS)
#else
#define LANES  4
#define PIXELS (12 / VECTORS)
#endif
#define VECTORS (BLOCK / LANES)

/* Kernels may be handed any address: vectors are aligned like floats. */
typedef float vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* The channels of a pixel in one block. */
typedef struct pixel {
    vec v[VECTORS];
} pixel;

#define INLINE static inline __attribute__((always_inline))

/* Loops with these before them unroll whole, so that arrays of vectors live in registers. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH_VECTOR(v) UNROLL for (int v = 0; v < VECTORS; v++)

INLINE pixel pixel_load(const float *from)
{
    pixel x;
    EACH_VECTOR(v) x.v[v] = *(const vec *)(from + v * LANES);
    return x;
}

INLINE void pixel_store(float *to, pixel x) { EACH_VECTOR(v) * (vec *)(to + v * LANES) = x.v[v]; }

/* The same for a narrow block: absent channels are zero, and are not written. */
INLINE pixel pixel_load_some(const float *from, int64_t block)
{
    float all[BLOCK] = {0};
    for (int64_t c = 0; c < block; c++) all[c] = from[c];
    return pixel_load(all);
}

INLINE void pixel_store_some(float *to, pixel x, int64_t block)
{
    float all[BLOCK];
    pixel_store(all, x);
    for (int64_t c = 0; c < block; c++) to[c] = all[c];
}

/* The call with the channels of a narrow block known to the compiler: `channels` in it is a constant. */
#define WITH_CHANNELS(count, call)                                                                                     \
    do {                                                                                                               \
        switch (count) {                                                                                               \
        case 1: CHANNELS_ARE(1, call);                                                                                 \
        case 2: CHANNELS_ARE(2, call);                                                                                 \
        case 3: CHANNELS_ARE(3, call);                                                                                 \
        default: CHANNELS_ARE(NARROW, call);                                                                           \
        }                                                                                                              \
    } while (0)
#define CHANNELS_ARE(count, call)                                                                                      \
    {                                                                                                                  \
        enum { channels = (count) };                                                                                   \
        call;                                                                                                          \
        break;                                                                                                         \
    }

/* Pixels of a narrow block, `step` floats apart, to whole ones that lie one after another, absent channels zero; and
 * back. With the block known in each loop a pixel is two stores; by way of a register it would wait for its own store. */
INLINE void spread_block(float *to, const float *from, ptrdiff_t step, int64_t count, const int block)
{
    for (int64_t p = 0; p < count; p++) {
        pixel_store(to + p * BLOCK, (pixel){0});
        for (int c = 0; c < block; c++) to[p * BLOCK + c] = from[p * step + c];
    }
}

INLINE void narrow_block(float *to, ptrdiff_t step, const float *from, int64_t count, const int block)
{
    for (int64_t p = 0; p < count; p++)
        for (int c = 0; c < block; c++) to[p * step + c] = from[p * BLOCK + c];
}

static inline void pixels_spread(float *to, const float *from, ptrdiff_t step, int64_t count, int64_t block)
{
    WITH_CHANNELS(block, spread_block(to, from, step, count, channels));
}

static inline void pixels_narrow(float *to, ptrdiff_t step, const float *from, int64_t count, int64_t block)
{
    WITH_CHANNELS(block, narrow_block(to, step, from, count, channels));
}

/* Either, by a block known at compile time or not. */
INLINE pixel pixel_get(const float *from, int64_t block)
{
    return block == BLOCK ? pixel_load(from) : pixel_load_some(from, block);
}

INLINE void pixel_put(float *to, pixel x, int64_t block)
{
    if (block == BLOCK)
        pixel_store(to, x);
    else
        pixel_store_some(to, x, block);
}

/* a where the mask (all ones or zero) is set, b elsewhere. */
INLINE vec vec_choose(ivec mask, vec a, vec b) { return (vec)(((ivec)a & mask) | ((ivec)b & ~mask)); }

/* name -> name_v3, or name_half_v3: one spelling in the sources, one symbol per level and block. */
#ifdef RMSEG_HALF
#define RMSEG_AT_LEVEL__(name, level) name##_half_##level
#else
#define RMSEG_AT_LEVEL__(name, level) name##_##level
#endif
#define RMSEG_AT_LEVEL_(name, level) RMSEG_AT_LEVEL__(name, level)
#define RMSEG_AT_LEVEL(name)         RMSEG_AT_LEVEL_(name, RMSEG_LEVEL)

#define rmseg_backend_cpu             RMSEG_AT_LEVEL(rmseg_backend_cpu)
#define rmseg_objective_cpu           RMSEG_AT_LEVEL(rmseg_objective_cpu)
#define rmseg_cpu_probe               RMSEG_AT_LEVEL(rmseg_cpu_probe)
#define rmseg_cpu_table               RMSEG_AT_LEVEL(rmseg_cpu_table)
#define rmseg_cpu_pack_tile           RMSEG_AT_LEVEL(rmseg_cpu_pack_tile)
#define rmseg_cpu_pack_ahead          RMSEG_AT_LEVEL(rmseg_cpu_pack_ahead)
#define rmseg_cpu_conv_gather         RMSEG_AT_LEVEL(rmseg_cpu_conv_gather)
#define rmseg_cpu_conv_weights        RMSEG_AT_LEVEL(rmseg_cpu_conv_weights)
#define rmseg_cpu_head_gather         RMSEG_AT_LEVEL(rmseg_cpu_head_gather)
#define rmseg_cpu_head_weights        RMSEG_AT_LEVEL(rmseg_cpu_head_weights)
#define rmseg_cpu_conv_turn           RMSEG_AT_LEVEL(rmseg_cpu_conv_turn)
#define rmseg_cpu_partial_sum         RMSEG_AT_LEVEL(rmseg_cpu_partial_sum)
#define rmseg_cpu_winograd_gather     RMSEG_AT_LEVEL(rmseg_cpu_winograd_gather)
#define rmseg_cpu_winograd_weights    RMSEG_AT_LEVEL(rmseg_cpu_winograd_weights)
#define rmseg_cpu_winograd_plane      RMSEG_AT_LEVEL(rmseg_cpu_winograd_plane)
#define rmseg_cpu_winograd_x          RMSEG_AT_LEVEL(rmseg_cpu_winograd_x)
#define rmseg_cpu_winograd_dy         RMSEG_AT_LEVEL(rmseg_cpu_winograd_dy)
#define rmseg_cpu_winograd_w          RMSEG_AT_LEVEL(rmseg_cpu_winograd_w)
#define rmseg_cpu_winograd_dw         RMSEG_AT_LEVEL(rmseg_cpu_winograd_dw)
#define rmseg_cpu_micro_gather        RMSEG_AT_LEVEL(rmseg_cpu_micro_gather)
#define rmseg_cpu_micro_gather_apart  RMSEG_AT_LEVEL(rmseg_cpu_micro_gather_apart)
#define rmseg_cpu_micro_weights       RMSEG_AT_LEVEL(rmseg_cpu_micro_weights)
#define rmseg_cpu_micro_weights_apart RMSEG_AT_LEVEL(rmseg_cpu_micro_weights_apart)
#define rmseg_cpu_micro_taps          RMSEG_AT_LEVEL(rmseg_cpu_micro_taps)
#define rmseg_cpu_channel_sums        RMSEG_AT_LEVEL(rmseg_cpu_channel_sums)
#define rmseg_cpu_norm_forward        RMSEG_AT_LEVEL(rmseg_cpu_norm_forward)
#define rmseg_cpu_norm_sums           RMSEG_AT_LEVEL(rmseg_cpu_norm_sums)
#define rmseg_cpu_norm_backward       RMSEG_AT_LEVEL(rmseg_cpu_norm_backward)
#define rmseg_cpu_activation          RMSEG_AT_LEVEL(rmseg_cpu_activation)
#define rmseg_cpu_activation_back     RMSEG_AT_LEVEL(rmseg_cpu_activation_back)
#define rmseg_cpu_add                 RMSEG_AT_LEVEL(rmseg_cpu_add)
#define rmseg_cpu_scale               RMSEG_AT_LEVEL(rmseg_cpu_scale)
#define rmseg_cpu_pool                RMSEG_AT_LEVEL(rmseg_cpu_pool)
#define rmseg_cpu_unpool              RMSEG_AT_LEVEL(rmseg_cpu_unpool)
#define rmseg_cpu_to_bf16             RMSEG_AT_LEVEL(rmseg_cpu_to_bf16)
#define rmseg_cpu_from_bf16           RMSEG_AT_LEVEL(rmseg_cpu_from_bf16)
#define rmseg_cpu_sgd                 RMSEG_AT_LEVEL(rmseg_cpu_sgd)
#define rmseg_cpu_adamw               RMSEG_AT_LEVEL(rmseg_cpu_adamw)
#define rmseg_cpu_average             RMSEG_AT_LEVEL(rmseg_cpu_average)
#define rmseg_cpu_sum_of_squares      RMSEG_AT_LEVEL(rmseg_cpu_sum_of_squares)

extern const rmseg_backend rmseg_backend_cpu;
extern const rmseg_objective_kernels rmseg_objective_cpu;
extern const rmseg_probe rmseg_cpu_probe;
extern const rmseg_cpu_kernels rmseg_cpu_table;
void rmseg_cpu_pack_tile(float *tile, const conv_plan *plan, const conv_part *part, const tensor *x,
                         int64_t first_block, int64_t blocks);
void rmseg_cpu_pack_ahead(conv_fetch *fetch, const conv_plan *plan, const conv_part *part, const tensor *x,
                          int64_t first_block, int64_t blocks);
void rmseg_cpu_conv_gather(const conv_gather *pass);
void rmseg_cpu_conv_weights(const conv_weights *pass);
void rmseg_cpu_head_gather(const conv_gather *pass);
void rmseg_cpu_head_weights(const conv_weights *pass);
void rmseg_cpu_winograd_gather(const winograd_gather *pass);
void rmseg_cpu_winograd_weights(const winograd_weights *pass);
void rmseg_cpu_conv_turn(const conv_turn *turn);
void rmseg_cpu_partial_sum(const partial_sum *sum);
void rmseg_cpu_channel_sums(double *sums, double *partial, const tensor *x, bool squares);
void rmseg_cpu_norm_forward(const norm_pass *pass);
void rmseg_cpu_norm_sums(const norm_pass *pass);
void rmseg_cpu_norm_backward(const norm_pass *pass);
void rmseg_cpu_activation(const flat_pass *pass);
void rmseg_cpu_activation_back(const flat_pass *pass);
void rmseg_cpu_add(const flat_pass *pass);
void rmseg_cpu_scale(const scale_pass *pass);
void rmseg_cpu_pool(const pool_pass *pass);
void rmseg_cpu_unpool(const pool_pass *pass);
void rmseg_cpu_to_bf16(uint16_t *to, const void *from, int64_t elements);
void rmseg_cpu_from_bf16(void *to, const uint16_t *from, int64_t elements);
void rmseg_cpu_sgd(void *w, void *v, const void *g, int64_t elements, double lr, double momentum, double decay,
                   double scale, bool nesterov);
void rmseg_cpu_adamw(void *w, void *m, void *s, const void *g, int64_t elements, const rmseg_adamw *adamw,
                     double scale);
void rmseg_cpu_average(void *average, const void *w, int64_t elements, double keep);
double rmseg_cpu_sum_of_squares(const void *x, int64_t elements);

#endif
