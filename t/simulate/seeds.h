/* seeds.h: kept as regressions; what each was about. */
0, /* ends the list */
