/*
 * What may be used when limits on cost are used up, of a tenant and of an org: X(name, TYPE, member, the rest of the directive).
 */
X(credits, LIST, credits, .block = &config_credit_block,
	.help = "Prepaid money, drawn on when a limit on cost here is used up: what expires first is drawn first.")
X(overdraft, MONEY, overdraft,
	.help = "How much may be used beyond limits and credits, over all time. Absent: nothing.")
