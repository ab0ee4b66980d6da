/* The stages of the pipeline, in order: X(ENUM_SUFFIX, "name"). */
X(ADMIT, "admit")
X(IDENT, "ident")
X(READ, "read")
X(CLASSIFY, "classify")
X(LOOKUP, "lookup")
X(RESERVE, "reserve")
X(ROUTE, "route")
X(SEND, "send")
