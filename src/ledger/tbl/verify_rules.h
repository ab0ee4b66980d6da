/*
 * What `tgctl ledger verify` holds a ledger to: X(ENUM_SUFFIX, "name", "what holds when it holds").
 * docs/reference/ledger.md describes each.
 */
X(READABLE, "readable", "every record has the right checksum and makes sense")
X(SEQUENCE, "sequence", "records are numbered from 1 without a gap in every segment")
X(HOLDS, "holds", "every hold has exactly one settle or void, or is open where the journal goes on")
X(ENDS, "ends", "every leg, progress, extend, settle and void has a hold before it")
X(FILES, "files", "every day's file of rollups can be read")
X(ROLLUPS, "rollups", "rollups are what the records add up to, day by day, to the pico-dollar")
X(EXPORTS, "exports", "so are the lines of an export")
