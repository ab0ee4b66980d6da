/*
 * The disjoint usage buckets every request is priced from: X(ENUM_SUFFIX, "name", parent) where parent is the
 * bucket whose price applies when this one has none (flagged). A token is in exactly one bucket.
 */
X(IN, "input", NONE)
X(IN_CACHE_READ, "input_cache_read", IN)
X(IN_CACHE_WRITE_5M, "input_cache_write_5m", IN)
X(IN_CACHE_WRITE_1H, "input_cache_write_1h", IN_CACHE_WRITE_5M)
X(IN_CACHE_WRITE, "input_cache_write", IN_CACHE_WRITE_5M)
X(IN_AUDIO, "input_audio", IN)
X(IN_IMAGE, "input_image", IN)
X(OUT, "output", NONE)
X(OUT_REASONING, "output_reasoning", OUT)
X(OUT_AUDIO, "output_audio", OUT)
X(OUT_IMAGE, "output_image", OUT)
