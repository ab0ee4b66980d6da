/* seeds.h: kept as regressions; what each was about. */
2,              /* a fence that FLUSHALL took along */
	500221, /* settled beyond its hold, where a limit was cut */
	0,      /* ends the list */
