/* Decimal text to double and back, both exact. */
#ifndef NB_NUMBERS_H
#define NB_NUMBERS_H

#include <stddef.h>

/* The longest text of a double: -2.2250738585072014e-308. */
enum { NB_LONGEST_DOUBLE = 24 };

/* Return the double nearest to a decimal number, to the even one of two that are equally near;
   infinity beyond them. The text is [-]digits[.digits][e[+-]digits], checked before. */
double nb_double_of(const char *text, size_t length);
/* Write the shortest text that reads back as this finite double, laid out as Python's repr; return
   its length. */
size_t nb_text_of(double number, char text[NB_LONGEST_DOUBLE]);

#endif
