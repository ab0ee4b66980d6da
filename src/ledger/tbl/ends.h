/*
 * Why a request ended: X(ENUM_SUFFIX, "name", code). The name stands in the access log and in exports, the code in the
 * ledger: never change one, never reuse one.
 */
X(NONE, "none", 0)
/* the answer was delivered whole */
X(OK, "ok", 1)
/* answered by the gateway itself */
X(REPLY, "reply", 2)
/* the client closed first */
X(CLIENT_GONE, "client_gone", 3)
/* a client clock */
X(CLIENT_SLOW, "client_slow", 4)
/* the provider broke off after the answer had begun */
X(TRUNCATED, "truncated", 5)
/* the drain's time was over */
X(CUT_OFF, "cut_off", 6)
/* no provider could be asked, or none answered */
X(FAILED, "failed", 7)
/* the process died; settled by the next one */
X(CRASHED, "crashed", 8)
/* a limit had no room for more of the answer (hold: incremental) */
X(BUDGET, "budget", 9)
/* its twin, or its original, was answered first (hedge) */
X(HEDGED, "hedged", 10)
