/*
 * report/lettering.c - letters as polylines.
 */
#include "report/lettering.h"

#include <string.h>

/* Pairs of x and y in base 36; a space lifts the pen. A capital spans y = 0 (top) to c (the baseline), small letters
 * begin at 4, descenders end at g. */
static const struct glyph {
    char letter, width;
    const char *strokes;
} glyphs[] = {
    {' ', 4, ""},
    {'A', 8, "0c408c 1979"},
    {'B', 8, "0c005071745606 56878a6c0c"},
    {'C', 8, "82603003093c6c8a"},
    {'D', 8, "0c005083895c0c"},
    {'E', 7, "70000c7c 0666"},
    {'F', 7, "70000c 0666"},
    {'G', 9, "92603003093c6c9a9757"},
    {'H', 8, "000c 808c 0686"},
    {'I', 0, "000c"},
    {'J', 6, "60694c2c0a"},
    {'K', 8, "000c 8007 348c"},
    {'L', 7, "000c7c"},
    {'M', 10, "0c0059a0ac"},
    {'N', 8, "0c008c80"},
    {'O', 9, "306093996c3c090330"},
    {'P', 8, "0c005082845707"},
    {'Q', 9, "306093996c3c090330 699d"},
    {'R', 8, "0c005082845707 478c"},
    {'S', 8, "82602002042666888a6c2c0a"},
    {'T', 8, "0080 404c"},
    {'U', 8, "00093c5c8980"},
    {'V', 8, "004c80"},
    {'W', 12, "003c609cc0"},
    {'X', 8, "008c 800c"},
    {'Y', 8, "004680 464c"},
    {'Z', 8, "00800c8c"},
    {'a', 7, "747c 765424060a2c5c7a"},
    {'b', 7, "000c 062454767a5c2c0a"},
    {'c', 7, "765424060a2c5c7a"},
    {'d', 7, "707c 765424060a2c5c7a"},
    {'e', 7, "0878765424060a2c5c7b"},
    {'f', 5, "5030222c 0454"},
    {'g', 7, "747e5g2g0f 765424060a2c5c7a"},
    {'h', 7, "000c 062454767c"},
    {'i', 0, "040c 0001"},
    {'j', 3, "343e1g0g 3031"},
    {'k', 7, "000c 6409 277c"},
    {'l', 0, "000c"},
    {'m', 10, "040c 062444565c 567494a6ac"},
    {'n', 7, "040c 062454767c"},
    {'o', 7, "2454767a5c2c0a0624"},
    {'p', 7, "040g 062454767a5c2c0a"},
    {'q', 7, "747g 765424060a2c5c7a"},
    {'r', 5, "040c 072454"},
    {'s', 6, "65442405072848696b4c2c0b"},
    {'t', 5, "212a3c5c 0454"},
    {'u', 7, "040a2c5c7a 747c"},
    {'v', 8, "044c84"},
    {'w', 10, "042c548ca4"},
    {'x', 7, "047c 740c"},
    {'y', 8, "044c 843e1g"},
    {'z', 7, "04740c7c"},
    {'0', 8, "305083895c3c090330"},
    {'1', 8, "22404c"},
    {'2', 8, "03206082840c8c"},
    {'3', 8, "0120608284663666888a6c2c0b"},
    {'4', 8, "6c600888"},
    {'5', 8, "7010062565878a6c2c0b"},
    {'6', 8, "71503004093c5c8a88662608"},
    {'7', 8, "00803c"},
    {'8', 8, "260402206082846626080a2c6c8a8866"},
    {'9', 8, "1b3c5c888350300204266684"},
    {'+', 8, "434b 0787"},
    {'-', 6, "0767"},
    {'*', 8, "444a 1579 7519"},
    {'=', 8, "0585 0989"},
    {'.', 0, "0b0c"},
    {',', 1, "1b1c0e"},
    {':', 0, "0506 0b0c"},
    {';', 1, "1516 1b1c0e"},
    {'(', 3, "30040a3e"},
    {')', 3, "00343a0e"},
    {'/', 6, "600d"},
    {'_', 8, "0d8d"},
    {'>', 8, "04780c"},
    {'%', 9, "900c 10304234140210 68889a8c6c5a68"},
};
enum { GLYPHS = sizeof glyphs / sizeof *glyphs, CAPITAL = 12, GAP = 4 };

static const struct glyph box = {0, 8, "00808c0c00"};

static const struct glyph *glyph_of(char letter)
{
    for (size_t i = 0; i < GLYPHS; i++)
        if (glyphs[i].letter == letter) return &glyphs[i];
    return &box;
}

static int coordinate(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

void rmseg_pen_text(rmseg_pen *pen, const char *text, double x, double y, double height)
{
    double unit = height / CAPITAL, top = y - height;
    for (; *text; text++) {
        const struct glyph *glyph = glyph_of(*text);
        for (const char *at = glyph->strokes; *at; at += strspn(at, " ")) {
            double x0 = x + unit * coordinate(at[0]), y0 = top + unit * coordinate(at[1]);
            for (at += 2; *at && *at != ' '; at += 2) {
                double x1 = x + unit * coordinate(at[0]), y1 = top + unit * coordinate(at[1]);
                rmseg_pen_line(pen, x0, y0, x1, y1);
                x0 = x1;
                y0 = y1;
            }
        }
        x += unit * (glyph->width + GAP);
    }
}

double rmseg_text_width(const char *text, double height)
{
    double width = 0;
    for (; *text; text++) width += height / CAPITAL * (glyph_of(*text)->width + GAP);
    return width;
}
