/* Words for how hard a model should think: X(ENUM_SUFFIX, "word"), weakest first. */
X(NONE, "none")
X(MINIMAL, "minimal")
X(LOW, "low")
X(MEDIUM, "medium")
X(HIGH, "high")
X(XHIGH, "xhigh")
X(MAX, "max")
