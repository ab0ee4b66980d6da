/* ops.h: what can happen in a schedule, and what who, a, b and c are of it: X(id, name) */
X(REQUEST, "request") /* member; a: hold, b: actual, c: families (bits) and how long, us << 2 */
X(CUT, "cut")         /* member: its connection is lost */
X(STALL, "stall")     /* member; a: us for which all that is sent takes longer than the deadline */
X(CRASH, "crash")     /* member; a: us until it starts again */
X(PAUSE, "pause")     /* member; a: us */
X(STEP, "step")       /* member, or server + 100; a: us by which its wall clock moves */
X(FLUSH, "flush")     /* the primary forgets all */
X(BOOT, "boot")       /* the primary restarts from a copy; a: us old; b: us until it is back */
X(FAILOVER,
	"failover") /* members (bits) that go to a copy; a: us old; b: 1: the old one lives on */
X(FLIP, "flip")     /* member goes over to the other of two primaries */
X(HEAL, "heal")     /* of two primaries; a: 0 or 1: which one stays */
X(SLEEP, "sleep")   /* the primary; a: us */
X(DISK, "disk")     /* member; a: us for which it saves no epoch */
X(LIMIT, "limit")   /* a: family; b: the new limit, c: us within which members hear of it */
X(FENCE, "fence")   /* member: dies for good, and is fenced */
X(CALM, "calm")     /* all faults end: everybody is up, one primary */
