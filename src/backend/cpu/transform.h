/*
 * backend/cpu/transform.h - the five small matrices of F(4x4, 3x3), applied along both axes of a square of pixels.
 *
 * Points 0, +-a, +-b, infinity with a = 1/sqrt2, b = sqrt2, so that a^2 = 1/2, b^2 = 2. In each, rows for +a and -a,
 * and for +b and -b, share an even and an odd part.
 */
#ifndef BACKEND_CPU_TRANSFORM_H
#define BACKEND_CPU_TRANSFORM_H

#include "backend/cpu/vector.h"

#define POINT_A 0.70710678118654752f
#define POINT_B 1.41421356237309505f
#define CUBE_A  0.35355339059327376f
#define CUBE_B  2.82842712474619010f
#define SCALE_A (-2.0f / 3) /* 1 / (2 a^2 (a^2 - b^2)) */
#define SCALE_B (1.0f / 6)  /* 1 / (2 b^2 (b^2 - a^2)) */

/* B': 6 pixels of x to 6 positions. */
INLINE void transform_x(const vec *x, vec *v)
{
    vec even_a = x[4] - x[2] * 2.0f, odd_a = (x[3] - x[1] * 2.0f) * POINT_A;
    vec even_b = x[4] - x[2] * 0.5f, odd_b = (x[3] - x[1] * 0.5f) * POINT_B;
    v[0] = x[0] - x[2] * 2.5f + x[4];
    v[1] = even_a + odd_a, v[2] = even_a - odd_a;
    v[3] = even_b + odd_b, v[4] = even_b - odd_b;
    v[5] = x[1] - x[3] * 2.5f + x[5];
}

/* A': 6 positions to 4 pixels of y. */
INLINE void transform_y(const vec *m, vec *y)
{
    vec even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[1] = odd_a * POINT_A + odd_b * POINT_B;
    y[2] = even_a * 0.5f + even_b * 2.0f;
    y[3] = odd_a * CUBE_A + odd_b * CUBE_B + m[5];
}

/* A: 4 pixels of dy to 6 positions. */
INLINE void transform_dy(const vec *y, vec *v)
{
    vec even_a = y[0] + y[2] * 0.5f, odd_a = y[1] * POINT_A + y[3] * CUBE_A;
    vec even_b = y[0] + y[2] * 2.0f, odd_b = y[1] * POINT_B + y[3] * CUBE_B;
    v[0] = y[0];
    v[1] = even_a + odd_a, v[2] = even_a - odd_a;
    v[3] = even_b + odd_b, v[4] = even_b - odd_b;
    v[5] = y[3];
}

/* G: 3 taps to 6 positions. */
INLINE void transform_w(const vec *w, vec *u)
{
    vec even_a = (w[0] + w[2] * 0.5f) * SCALE_A, odd_a = w[1] * (POINT_A * SCALE_A);
    vec even_b = (w[0] + w[2] * 2.0f) * SCALE_B, odd_b = w[1] * (POINT_B * SCALE_B);
    u[0] = w[0];
    u[1] = even_a + odd_a, u[2] = even_a - odd_a;
    u[3] = even_b + odd_b, u[4] = even_b - odd_b;
    u[5] = w[2];
}

/* G': 6 positions to 3 taps. */
INLINE void transform_dw(const vec *u, vec *w)
{
    vec even_a = (u[1] + u[2]) * SCALE_A, odd_a = (u[1] - u[2]) * SCALE_A;
    vec even_b = (u[3] + u[4]) * SCALE_B, odd_b = (u[3] - u[4]) * SCALE_B;
    w[0] = u[0] + even_a + even_b;
    w[1] = odd_a * POINT_A + odd_b * POINT_B;
    w[2] = even_a * 0.5f + even_b * 2.0f + u[5];
}

/* A square of in x in pixels, their rows and columns so many floats apart, to one of out x out. `add` is added to each.
 */
INLINE void transform_square(void (*fn)(const vec *, vec *), const int in, const int out, const float *from,
                             ptrdiff_t row, ptrdiff_t column, float *to, ptrdiff_t to_row, ptrdiff_t to_column,
                             const float *add)
{
    EACH_VECTOR(v)
    {
        vec half[6][6], pixels[6], made[6];
        UNROLL for (int b = 0; b < in; b++)
        {
            UNROLL for (int a = 0; a < in; a++) pixels[a] = *(const vec *)(from + a * row + b * column + v * LANES);
            fn(pixels, made);
            UNROLL for (int a = 0; a < out; a++) half[a][b] = made[a];
        }
        UNROLL for (int a = 0; a < out; a++)
        {
            fn(half[a], made);
            UNROLL for (int b = 0; b < out; b++)
            {
                if (add) made[b] += *(const vec *)(add + v * LANES);
                *(vec *)(to + a * to_row + b * to_column + v * LANES) = made[b];
            }
        }
    }
}

#endif
