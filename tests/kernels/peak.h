/*
 * peak.h - one function, compiled for each processor level under a name of its own: peak_chunk_v3, ...
 */
#ifndef PEAK_H
#define PEAK_H

#ifdef RMSEG_LEVEL
#define peak_chunk RMSEG_AT_LEVEL(peak_chunk)
double peak_chunk(float *sink);
#elif defined(__x86_64__)
double peak_chunk_v2(float *sink), peak_chunk_v3(float *sink), peak_chunk_v4(float *sink);
#else
double peak_chunk_native(float *sink);
#endif

#endif
