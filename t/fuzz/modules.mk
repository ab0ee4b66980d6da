# Whole messages through several codecs
FUZZERS += t/fuzz/fuzz_request t/fuzz/fuzz_response t/fuzz/fuzz_stream_end
FUZZERS += t/fuzz/fuzz_peers
