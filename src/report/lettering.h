/*
 * report/lettering.h - captions: letters of strokes, so that they are smooth at any size and need no font.
 */
#ifndef REPORT_LETTERING_H
#define REPORT_LETTERING_H

#include "report/canvas.h"

/* Adds a line of text to what the pen draws: `height` pixels from baseline to the top of a capital, its lower left
 * corner at (x, y). Letters, digits and + - * = . , : ; ( ) / % _ > are drawn, anything else is a box. */
void rmseg_pen_text(rmseg_pen *pen, const char *text, double x, double y, double height);

/* How many pixels wide such a line is. */
double rmseg_text_width(const char *text, double height);

#endif
