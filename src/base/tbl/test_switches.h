/* test_switches.h: rules that a test build can leave out: X(id, name, what is done without it). */
X(HOLD_FIRST, "hold_first", "the HOLD is written with the settlement, not before the first byte goes out")
X(CRASH_SETTLE, "crash_settle", "what was open at a crash is settled at nothing")
X(RESTORE, "restore", "a restart forgets what was spent")
X(LEASE_RETURN, "lease_return", "a RETURN is told, and what it gives back is still spent")
X(LEASE_ASSERT, "lease_assert", "a member asserts before all that it has is synced")
