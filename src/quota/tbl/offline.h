/* offline.h: what a limit does while its centre is away: X(ID, word). The first one is the default. */
X(CLOSED, "closed")
X(OPEN, "open")
X(LOCAL, "local")
